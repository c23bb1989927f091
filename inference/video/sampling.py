"""Which pictures of a recording are sampled, and how many were lost."""

from __future__ import annotations

import heapq
import itertools
import statistics
from collections import deque
from collections.abc import Iterator
from fractions import Fraction

MAX_SAMPLES_PER_S = 30.0
"""Recordings rarely have more pictures a second."""
CUT_OFF_TOLERANCE_S = 0.5
"""A file ends early when it ends this much before the length its header states: headers round
to milliseconds, and sound and picture end a frame apart."""
_CELLS_KEPT = 8
"""Cells remembered while packets arrive in decoding order; reordering spans 16 pictures at most
(H.264, max_dec_frame_buffering), and cells older than this are not skipped in, only decoded."""
HELD_S = 10.0
"""Most encoders write a picture at least so often: x264's longest distance of key pictures is 250
pictures, 10 s at 25 a second. Where none comes for longer, the sound must go on without a break,
or the recording was paused or a part of it is missing."""
SOUND_GAP_S = 1.0
"""Sound that pauses for longer in the file itself was not recorded: a silent room has packets too,
and players allow much less between two."""
SOUND_BEHIND_S = 2.0
"""When a picture is decoded, the sound before it was read but for so much at most: libav's MP4
reader keeps two streams within 1 s of each other, and `SOUND_GAP_S` is allowed besides."""
HELD_INTERVALS, LEAST_HELD_S = 3.0, 2.0
"""Without sound to tell a still picture from a pause, a picture is held for so many times the usual
time between pictures, or for so long where that is more."""
_INTERVALS_KEPT = 31
"""The usual time between pictures is the median of so many: an average would count the pauses."""


def check_samples_per_s(samples_per_s: float) -> float:
    """Return the rate if pictures can be sampled at it.

    Raises:
        ValueError: it is not above 0 and at most `MAX_SAMPLES_PER_S`.
    """
    if not 0 < samples_per_s <= MAX_SAMPLES_PER_S:
        raise ValueError(
            f"samples_per_s must be above 0 and at most {MAX_SAMPLES_PER_S:g}, not {samples_per_s}"
        )
    return samples_per_s


class FrameSampler:
    """Chooses the pictures to sample and counts the lost ones, from packets in and pictures out.

    It holds as much as the decoder has in flight.
    """

    def __init__(
        self,
        tick: Fraction,
        samples_per_s: Fraction,
        nominal_s: float | None,
        frame_interval_s: float,
    ) -> None:
        """Start with nothing sampled.

        Args:
            tick: seconds per unit of every `at` below.
            samples_per_s: how many cells a second has.
            nominal_s: the length that the container states, or None.
            frame_interval_s: the usual time between pictures.
        """
        self._tick_s = float(tick)
        cells_per_tick = tick * samples_per_s
        self._cell_numerator = cells_per_tick.numerator
        self._cell_denominator = cells_per_tick.denominator
        # A damaged time stamp far past the end would silence every sample after it.
        self._latest = (1.5 * nominal_s + 60) / self._tick_s if nominal_s else float("inf")
        self._nominal_s = nominal_s
        self._frame_interval_s = frame_interval_s
        self._expected: list[int] = []
        self._first_in_cell: dict[int, int] = {}
        self._last_cell = -1
        self._lost_s = 0.0
        self._end_s = 0.0
        self._starts: list[int] = []  # of pictures from the one on the screen on, as a heap
        self._intervals: deque[int] = deque(maxlen=_INTERVALS_KEPT)  # between the pictures shown
        self._shown_at: int | None = None  # when the last whole picture came
        self._longest_s = 0.0
        self._last_at = -1
        self._stated_s = self._last_stated_s = 0.0
        self._sound_end_s: float | None = None
        self._sound_gaps: list[tuple[float, float]] = []
        self.frames_decoded = 0
        self.frames_sampled = 0
        self._missed = 0
        self._errors = 0

    def is_plausible(self, at: int) -> bool:
        """Return whether a picture at this time is plausible, not far past the end of the file."""
        return at <= self._latest

    def expect(self, at: int, end_s: float, *, can_skip: bool) -> bool:
        """Note a packet on its way into the decoder.

        Returns:
            False when its picture is surely not sampled, because an earlier one of the same cell
            is on its way. It may then be left out, and is not missed.
        """
        if at > self._latest:
            return True
        self.note_picture(at, end_s)
        heapq.heappush(self._starts, at)
        cell = self._cell(at)
        first = self._first_in_cell.get(cell)
        if can_skip and first is not None and first < at:
            return False
        if first is None or at < first:
            self._first_in_cell[cell] = at
            if len(self._first_in_cell) > _CELLS_KEPT:
                del self._first_in_cell[min(self._first_in_cell)]
        heapq.heappush(self._expected, at)
        return True

    def still_shown(self, at: int) -> Iterator[int]:
        """Return when the picture before is sampled again, as it was still on the screen.

        Call it with each picture that comes out of the decoder, before `take`: a picture that is
        held counts for as long as it is shown. A picture that is lost ends it, a pause of the
        recording has none.
        """
        shown = self._shown_at
        if shown is None or at > self._latest or self._cell(at) <= self._cell(shown) + 1:
            return
        following = min((start for start in self._starts if start > shown), default=at)
        until = min(following, at)
        if self._is_held(shown, until):
            yield from self._repeated(shown, until)

    def still_shown_at_end(self) -> Iterator[int]:
        """Return when the last picture is sampled again; call it after all came, before `close`.

        It is held for as long as an earlier one was: sound alone says nothing of the picture.
        """
        shown, end_s = self._shown_at, self._whole_end_s
        if shown is None or self._last_at > shown or not self._longest_s:
            return
        if end_s - shown * self._tick_s <= self._longest_s + self._frame_interval_s:
            yield from self._repeated(shown, round(end_s / self._tick_s))

    def stays_to_end(self, at: int) -> bool:
        """Return whether a picture may be sampled again until the end, if it is the last."""
        last_s = (self._last_cell + 1) * self._cell_denominator / self._cell_numerator
        return at >= self._last_at and self._whole_end_s > last_s * self._tick_s

    def before_gaps(self) -> set[int]:
        """Return those of the pictures on their way after which no other begins for a cell."""
        starts = sorted(self._starts)
        return {
            before
            for before, after in itertools.pairwise(starts)
            if self._cell(after) > self._cell(before) + 1
        }

    def take(self, at: int, is_damaged: bool) -> bool:
        """Note a picture that came out of the decoder, and return whether it is sampled."""
        if at > self._latest:
            self.count_error()
            return False
        self._miss_before(at)
        if self._expected and self._expected[0] == at:
            heapq.heappop(self._expected)
        while self._starts and self._starts[0] < at:
            start = heapq.heappop(self._starts)
            if self._starts and self._starts[0] > start:
                self._intervals.append(self._starts[0] - start)
        if is_damaged:
            self._missed += 1
            self._lost_s += self._frame_interval_s
            return False
        self._shown_at = at
        self.frames_decoded += 1
        cell = self._cell(at)
        if cell <= self._last_cell:
            return False
        self._last_cell = cell
        self.frames_sampled += 1
        return True

    def note_picture(self, at: int, end_s: float) -> None:
        """Note a packet of the picture and where it says that it ends.

        An MP4 file states how long until the next picture is decoded, which may be the one before
        or after a pause. So a picture ends where the next begins, and the last lasts no longer than
        the one decoded last, and not beyond the length of the container.
        """
        self._last_stated_s = max(0.0, end_s - at * self._tick_s)
        if at > self._last_at and at <= self._latest:
            self._last_at, self._stated_s = at, self._last_stated_s

    def note_end(self, end_s: float) -> None:
        """Note the end of a packet of any other stream."""
        if end_s <= self._latest * self._tick_s:
            self._end_s = max(self._end_s, end_s)

    def note_sound(self, start_s: float, end_s: float) -> None:
        """Note a packet of the sound, in order of time."""
        if end_s > self._latest * self._tick_s:
            return
        # An MP4 file states the time to the next packet as a packet's length, across a gap too.
        end_s = min(end_s, start_s + SOUND_GAP_S)
        before_s = self._sound_end_s
        if before_s is not None and start_s > before_s + SOUND_GAP_S:
            self._sound_gaps.append((before_s, start_s))
        self._sound_end_s = end_s if before_s is None else max(before_s, end_s)

    def count_error(self) -> None:
        """Note that the decoder refused a packet; it does not say which one when threaded."""
        self._errors += 1

    def close(self) -> None:
        """Count what never came: pictures still expected, and the missing end of a cut-off file."""
        self._miss_before(self._last_at + 1)
        if self._nominal_s is None or not self._is_cut_off:
            return
        tail_s = self._nominal_s - self._video_end_s
        self._lost_s += tail_s
        self._missed += round(tail_s / self._frame_interval_s)

    @property
    def frames_lost(self) -> int:
        """Pictures that should have come and did not.

        Refused packets and missing pictures are two views of one loss. Among pictures that were
        to be left out anyway only the refusals show, so the larger of the two counts.
        """
        return max(self._missed, self._errors)

    @property
    def duration_s(self) -> float:
        """As the container states it, or up to the last packet's end where that is later."""
        return max(self._nominal_s or 0.0, self._last_end_s)

    @property
    def lost_share(self) -> float:
        """Share of the length without a usable picture, 0–1."""
        return min(1.0, self._lost_s / self.duration_s) if self.duration_s > 0 else 0.0

    @property
    def _video_end_s(self) -> float:
        if self._last_at < 0:
            return 0.0
        start_s = self._last_at * self._tick_s
        end_s = start_s + min(self._stated_s, self._last_stated_s)
        if self._nominal_s is not None and start_s <= self._nominal_s:
            return min(end_s, self._nominal_s)
        return end_s

    @property
    def _last_end_s(self) -> float:
        return max(self._end_s, self._video_end_s)

    @property
    def _is_cut_off(self) -> bool:
        nominal_s = self._nominal_s
        return nominal_s is not None and self._last_end_s < nominal_s - CUT_OFF_TOLERANCE_S

    @property
    def _whole_end_s(self) -> float:
        """Up to where something of the recording is there."""
        return self._last_end_s if self._is_cut_off else self.duration_s

    def _is_held(self, start: int, end: int) -> bool:
        """Return whether one picture was on the screen between two, or the recording paused."""
        start_s, end_s = start * self._tick_s, end * self._tick_s
        length_s = end_s - start_s
        sound_s = self._sound_end_s
        if sound_s is not None and sound_s >= start_s - SOUND_GAP_S:
            silent_s = sum(
                max(0.0, min(end, end_s) - max(start, start_s)) for start, end in self._sound_gaps
            )
            if length_s > HELD_S:
                return silent_s == 0 and sound_s >= end_s - SOUND_BEHIND_S
            if sound_s >= start_s + SOUND_GAP_S or length_s <= 2 * SOUND_GAP_S:
                return silent_s <= length_s / 2
            return False
        usual_s = statistics.median_low([*self._intervals, end - start]) * self._tick_s
        return length_s <= max(LEAST_HELD_S, HELD_INTERVALS * usual_s)

    def _repeated(self, shown: int, until: int) -> Iterator[int]:
        """Return the starts of the cells between two pictures, in ticks, and count them sampled."""
        self._longest_s = max(self._longest_s, (until - shown) * self._tick_s)
        for cell in itertools.count(max(self._last_cell, self._cell(shown)) + 1):
            start = -(-cell * self._cell_denominator // self._cell_numerator)
            if start >= until:
                return
            self._last_cell = cell
            self.frames_sampled += 1
            yield start

    def _miss_before(self, at: int) -> None:
        if self._expected and self._expected[0] < at:
            self._lost_s += (at - self._expected[0]) * self._tick_s
        while self._expected and self._expected[0] < at:
            heapq.heappop(self._expected)
            self._missed += 1

    def _cell(self, at: int) -> int:
        return at * self._cell_numerator // self._cell_denominator
