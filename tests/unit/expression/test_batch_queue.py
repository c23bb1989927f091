"""The device queue: whose crop is whose, whatever comes in whatever order."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, wait

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import Cancelled, DeviceOutOfMemory, InferenceError
from inference.expression.batch_queue import DeviceQueue
from inference.schema.arrays import F32, U8

SIDE = 2
FOREVER_S = 60.0


def crops_named(start: int, count: int, side: int = SIDE) -> U8:
    """Crops whose first two pixels are their number."""
    crops = np.zeros((count, side, side), np.uint8)
    numbers = np.arange(start, start + count)
    crops[:, 0, 0], crops[:, 0, 1] = numbers % 256, numbers // 256
    return crops


def numbers_of(crops: U8) -> list[int]:
    return [int(n) for n in crops[:, 0, 0].astype(int) + 256 * crops[:, 0, 1].astype(int)]


def name_them(crops: U8) -> F32:
    """A classifier whose answer tells which crop it was given."""
    return np.array(numbers_of(crops), np.float32)[:, None].repeat(7, axis=1)


def names(future: Future[F32]) -> list[int]:
    return [int(n) for n in future.result(timeout=10)[:, 0]]


class Gate:
    """A classifier that waits until it is let through, and keeps what it was given."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.entered = threading.Event()
        self.batches: list[list[int]] = []

    def __call__(self, crops: U8) -> F32:
        self.entered.set()
        assert self.is_open.wait(10)
        self.batches.append(numbers_of(crops))
        return name_them(crops)


def test_crops_of_several_calls_meet_in_one_batch() -> None:
    gate = Gate()
    with DeviceQueue(gate, max_batch=8, max_wait_s=FOREVER_S) as queue:
        futures = [queue.submit(crops_named(10 * i, 2)) for i in range(4)]
        gate.is_open.set()
        assert [names(f) for f in futures] == [[0, 1], [10, 11], [20, 21], [30, 31]]
    assert gate.batches == [[0, 1, 10, 11, 20, 21, 30, 31]]


def test_a_lone_crop_waits_no_longer_than_told() -> None:
    with DeviceQueue(name_them, max_batch=1000, max_wait_s=0.05) as queue:
        began = time.monotonic()
        assert names(queue.submit(crops_named(7, 1))) == [7]
        assert 0.04 < time.monotonic() - began < 5


def test_more_crops_than_a_batch_holds_come_back_whole_and_in_order() -> None:
    gate = Gate()
    gate.is_open.set()
    with DeviceQueue(gate, max_batch=4, max_wait_s=0) as queue:
        assert names(queue.submit(crops_named(0, 11))) == list(range(11))
    assert max(len(b) for b in gate.batches) == 4


def test_no_crops_give_no_rows_at_once() -> None:
    with DeviceQueue(name_them, max_wait_s=FOREVER_S) as queue:
        assert queue.submit(crops_named(0, 0)).result(timeout=1).shape == (0, 7)


def test_crops_of_another_size_go_into_a_batch_of_their_own() -> None:
    with DeviceQueue(name_them, max_wait_s=0.02) as queue:
        small, large = queue.submit(crops_named(1, 2)), queue.submit(crops_named(5, 2, side=4))
        assert (names(small), names(large)) == ([1, 2], [5, 6])


def test_a_batch_too_large_for_memory_is_halved_and_nothing_is_lost() -> None:
    sizes: list[int] = []

    def needs_memory(crops: U8) -> F32:
        sizes.append(len(crops))
        if len(crops) > 3:
            raise DeviceOutOfMemory("too many")
        return name_them(crops)

    with DeviceQueue(needs_memory, max_batch=16, max_wait_s=FOREVER_S) as queue:
        assert names(queue.submit(crops_named(0, 16))) == list(range(16))
        assert queue.batch_size == 2
        assert names(queue.submit(crops_named(50, 2))) == [50, 51]
    assert sizes[:3] == [16, 8, 4]


def test_a_crop_that_never_fits_fails_its_own_call_only() -> None:
    def chokes_on_99(crops: U8) -> F32:
        if 99 in numbers_of(crops):
            raise DeviceOutOfMemory("no room")
        return name_them(crops)

    with DeviceQueue(chokes_on_99, max_batch=1, max_wait_s=0) as queue:
        bad, good = queue.submit(crops_named(99, 1)), queue.submit(crops_named(3, 1))
        with pytest.raises(DeviceOutOfMemory):
            bad.result(timeout=5)
        assert names(good) == [3]


def test_a_failing_batch_fails_the_futures_in_it_and_the_next_one_works() -> None:
    def fails_on_odd(crops: U8) -> F32:
        if numbers_of(crops)[0] % 2:
            raise InferenceError("odd")
        return name_them(crops)

    with DeviceQueue(fails_on_odd, max_batch=2, max_wait_s=FOREVER_S) as queue:
        bad, good = queue.submit(crops_named(1, 2)), queue.submit(crops_named(4, 2))
        with pytest.raises(InferenceError, match="odd"):
            bad.result(timeout=5)
        assert names(good) == [4, 5]


def test_a_classifier_that_drops_rows_is_an_error_and_not_a_mix_up() -> None:
    with DeviceQueue(lambda crops: name_them(crops)[1:], max_wait_s=0) as queue:
        future = queue.submit(crops_named(0, 3))
        with pytest.raises(InferenceError, match="2 rows for 3 crops"):
            future.result(timeout=5)


def test_cancelled_crops_are_not_classified() -> None:
    gate = Gate()
    with DeviceQueue(gate, max_batch=2, max_wait_s=0.01) as queue:
        first = queue.submit(crops_named(0, 2))
        assert gate.entered.wait(5)
        dropped, kept = queue.submit(crops_named(10, 1)), queue.submit(crops_named(20, 1))
        assert dropped.cancel()
        gate.is_open.set()
        assert (names(first), names(kept)) == ([0, 1], [20])
    assert gate.batches == [[0, 1], [20]]


def test_submitting_waits_while_too_many_are_pending() -> None:
    gate = Gate()
    with DeviceQueue(gate, max_batch=2, max_wait_s=0, max_pending=2) as queue:
        queue.submit(crops_named(0, 2))
        assert gate.entered.wait(5)
        queue.submit(crops_named(2, 2))
        late: list[Future[F32]] = []
        thread = threading.Thread(target=lambda: late.append(queue.submit(crops_named(4, 1))))
        thread.start()
        thread.join(0.05)
        assert thread.is_alive()
        gate.is_open.set()
        thread.join(5)
        assert names(late[0]) == [4]


def test_closing_finishes_what_waits() -> None:
    queue = DeviceQueue(name_them, max_batch=100, max_wait_s=FOREVER_S)
    future = queue.submit(crops_named(5, 3))
    queue.close()
    queue.close()
    assert names(future) == [5, 6, 7]
    with pytest.raises(Cancelled):
        queue.submit(crops_named(0, 1))


def test_closing_without_draining_cancels_what_waits() -> None:
    queue = DeviceQueue(name_them, max_batch=100, max_wait_s=FOREVER_S)
    future = queue.submit(crops_named(5, 3))
    queue.close(drain=False)
    with pytest.raises(Cancelled):
        future.result(timeout=1)


def test_pictures_of_the_wrong_kind_are_refused_before_they_reach_a_batch() -> None:
    with (
        DeviceQueue(name_them) as queue,
        pytest.raises(ValueError, match=r"\(N, H, W\) uint8"),
    ):
        queue.submit(np.zeros((3, 4), np.uint8))


def test_how_long_crops_waited_is_counted() -> None:
    gate = Gate()
    with DeviceQueue(gate, max_batch=2, max_wait_s=FOREVER_S) as queue:
        first = queue.submit(crops_named(0, 2))
        assert gate.entered.wait(5)
        second = queue.submit(crops_named(2, 2))
        time.sleep(0.05)  # the wait that the figures below must contain
        assert queue.pending == 2
        gate.is_open.set()
        assert (names(first), names(second)) == ([0, 1], [2, 3])
        told = queue.figures
    assert (told.batches, told.crops, queue.pending) == (2, 4, 0)
    assert told.longest_wait_s >= 0.05
    assert 2 * told.longest_wait_s <= told.waited_s <= 4 * told.longest_wait_s


def test_memory_that_runs_out_again_and_again_still_loses_nothing() -> None:
    room = 64

    def shrinking(crops: U8) -> F32:
        nonlocal room
        if len(crops) > room:
            raise DeviceOutOfMemory("smaller, please")
        room = max(1, room // 2)
        return name_them(crops)

    with DeviceQueue(shrinking, max_batch=64, max_wait_s=FOREVER_S) as queue:
        assert names(queue.submit(crops_named(0, 192))) == list(range(192))
        assert queue.batch_size == 1


requests = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, 9), st.sampled_from([2, 4])),  # crops, their side
        st.tuples(st.just("cancel"), st.integers(0, 7), st.none()),  # which of those asked so far
        st.tuples(st.just("pause"), st.integers(0, 3), st.none()),  # milliseconds
    ),
    min_size=1,
    max_size=12,
)
BREAKS = (InferenceError("broken"), MemoryError("no room on the host"), TypeError("a mistake"))


@settings(max_examples=60, deadline=None)
@given(
    callers=st.lists(requests, min_size=1, max_size=4),
    max_batch=st.integers(1, 12),
    max_pending=st.integers(1, 20),
    memory=st.integers(1, 12),
    fails_on=st.just(0) | st.integers(1, 40),  # crops with this number modulo 41; 0: none
    drain=st.booleans(),
)
def test_nobody_ever_gets_the_answer_for_another_ones_crop(
    callers: list[list[tuple[str, int, int | None]]],
    max_batch: int,
    max_pending: int,
    memory: int,
    fails_on: int,
    drain: bool,
) -> None:
    classified: list[int] = []
    spoilt: set[int] = set()  # crops of the batches that failed

    def classify(crops: U8) -> F32:
        if len(crops) > memory:
            raise DeviceOutOfMemory("smaller, please")
        numbers = numbers_of(crops)
        classified.extend(numbers)
        if fails_on and any(n % 41 == fails_on for n in numbers):
            spoilt.update(numbers)
            raise BREAKS[numbers[0] % len(BREAKS)]
        return name_them(crops)

    queue = DeviceQueue(classify, max_batch=max_batch, max_wait_s=0.001, max_pending=max_pending)
    asked: list[tuple[list[int], Future[F32]]] = []

    def call(caller: int, steps: list[tuple[str, int, int | None]]) -> None:
        start, own = caller * 1000, list[Future[F32]]()
        for step, number, side in steps:
            if step == "pause":
                time.sleep(number / 1000)  # callers drift apart
            elif step == "cancel" and own:
                own[number % len(own)].cancel()
            elif step == "ask" and side is not None:
                crops = crops_named(start, number, side)
                start += number
                try:
                    own.append(queue.submit(crops))
                except Cancelled:
                    return
                asked.append((numbers_of(crops), own[-1]))

    threads = [threading.Thread(target=call, args=(i, steps)) for i, steps in enumerate(callers)]
    for thread in threads:
        thread.start()
    if drain:
        for thread in threads:
            thread.join()
        wait([future for _, future in asked], timeout=10)
        # Whatever failed or was cancelled, the queue is empty and serves who comes next.
        assert names(queue.submit(crops_named(41_000, 1))) == [41_000]
        assert queue.pending == 0
    queue.close(drain=drain)
    for thread in threads:
        thread.join()

    assert len(classified) == len(set(classified)), "a crop was classified twice"
    for numbers, future in asked:
        assert future.done(), "a future was left hanging"
        if future.cancelled():
            continue
        error = future.exception()
        if error is None:
            assert names(future) == numbers
        elif isinstance(error, Cancelled):
            assert not drain
        else:
            assert any(error is cause for cause in BREAKS), f"not what broke: {error!r}"
            # A batch that memory halved fails as a whole; any other only those in it.
            assert memory < max_batch or spoilt.intersection(numbers)
