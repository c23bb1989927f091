"""Which pictures of a recording are sampled, and how many were lost."""

from __future__ import annotations

import heapq
from fractions import Fraction

MAX_SAMPLES_PER_S = 30.0
"""Recordings rarely have more pictures a second."""
CUT_OFF_TOLERANCE_S = 0.5
"""A file ends early when it ends this much before the length its header states: headers round
to milliseconds, and sound and picture end a frame apart."""
_CELLS_KEPT = 8
"""Cells remembered while packets arrive in decoding order; reordering spans 16 pictures at most
(H.264, max_dec_frame_buffering), and cells older than this are not skipped in, only decoded."""


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
        self._video_end_s = 0.0
        self._end_s = 0.0
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
        self._video_end_s = max(self._video_end_s, end_s)
        self.note_end(end_s)
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

    def take(self, at: int, is_damaged: bool) -> bool:
        """Note a picture that came out of the decoder, and return whether it is sampled."""
        if at > self._latest:
            self.count_error()
            return False
        self._miss_before(at)
        if self._expected and self._expected[0] == at:
            heapq.heappop(self._expected)
        if is_damaged:
            self._missed += 1
            self._lost_s += self._frame_interval_s
            return False
        self.frames_decoded += 1
        cell = self._cell(at)
        if cell <= self._last_cell:
            return False
        self._last_cell = cell
        self.frames_sampled += 1
        return True

    def note_end(self, end_s: float) -> None:
        """Note the end of a packet of any stream."""
        if end_s <= self._latest * self._tick_s:
            self._end_s = max(self._end_s, end_s)

    def count_error(self) -> None:
        """Note that the decoder refused a packet; it does not say which one when threaded."""
        self._errors += 1

    def close(self) -> None:
        """Count what never came: pictures still expected, and the missing end of a cut-off file."""
        self._miss_before(round(self._video_end_s / self._tick_s) + 1)
        if self._nominal_s is None or self._end_s >= self._nominal_s - CUT_OFF_TOLERANCE_S:
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
        return max(self._nominal_s or 0.0, self._end_s)

    @property
    def lost_share(self) -> float:
        """Share of the length without a usable picture, 0–1."""
        return min(1.0, self._lost_s / self.duration_s) if self.duration_s > 0 else 0.0

    def _miss_before(self, at: int) -> None:
        if self._expected and self._expected[0] < at:
            self._lost_s += (at - self._expected[0]) * self._tick_s
        while self._expected and self._expected[0] < at:
            heapq.heappop(self._expected)
            self._missed += 1

    def _cell(self, at: int) -> int:
        return at * self._cell_numerator // self._cell_denominator
