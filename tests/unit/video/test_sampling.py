"""Sampling while decoding: what is sampled, what was lost."""

from __future__ import annotations

from fractions import Fraction

import pytest

from inference.video.sampling import FrameSampler

FPS = 10


def new_sampler(nominal_s: float | None = 4.0) -> FrameSampler:
    """Ticks of 1/10 s, two samples a second."""
    return FrameSampler(Fraction(1, FPS), Fraction(2), nominal_s, 1 / FPS)


def run(sampler: FrameSampler, sent: list[int], came: list[int]) -> list[int]:
    for at in sent:
        sampler.expect(at, (at + 1) / FPS, can_skip=False)
    sampled = [at for at in came if sampler.take(at, is_damaged=False)]
    sampler.close()
    return sampled


def test_the_first_picture_of_each_half_second_is_sampled() -> None:
    sampler = new_sampler(2.0)
    assert run(sampler, list(range(20)), list(range(20))) == [0, 5, 10, 15]
    assert (sampler.frames_decoded, sampler.frames_sampled, sampler.frames_lost) == (20, 4, 0)


def test_pictures_that_never_come_are_lost_with_their_time() -> None:
    sampler = new_sampler()
    came = [at for at in range(40) if not 10 <= at < 20]
    assert run(sampler, list(range(40)), came) == [0, 5, 20, 25, 30, 35]
    assert sampler.frames_lost == 10
    assert sampler.lost_share == pytest.approx(0.25)


def test_the_missing_end_of_a_cut_off_file_is_lost() -> None:
    sampler = new_sampler()
    run(sampler, list(range(30)), list(range(30)))
    assert sampler.frames_lost == 10
    assert sampler.lost_share == pytest.approx(0.25)
    assert sampler.duration_s == 4.0


def test_without_a_stated_length_the_last_packet_tells_it() -> None:
    sampler = new_sampler(None)
    run(sampler, list(range(30)), list(range(30)))
    assert (sampler.duration_s, sampler.lost_share) == (3.0, 0.0)


def test_only_pictures_behind_the_first_of_their_half_second_may_be_left_out() -> None:
    sampler = new_sampler()
    # Decoding order: the picture at 6 comes before those at 4 and 5, which are shown earlier.
    needed = {at: sampler.expect(at, 0, can_skip=True) for at in (0, 3, 6, 4, 5, 7)}
    assert needed == {0: True, 3: False, 6: True, 4: False, 5: True, 7: False}


def test_a_time_stamp_gone_wild_does_not_silence_what_follows() -> None:
    sampler = new_sampler()
    sent = list(range(40))
    assert run(sampler, [*sent, 10**9], [*sent[:20], 10**9, *sent[20:]]) == list(range(0, 40, 5))
    assert sampler.frames_lost == 1
    assert sampler.duration_s == 4.0


def test_a_refused_packet_and_its_missing_picture_are_one_loss() -> None:
    sampler = new_sampler()
    sampler.count_error()
    run(sampler, list(range(40)), [at for at in range(40) if at != 17])
    assert sampler.frames_lost == 1
