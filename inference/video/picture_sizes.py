"""The sizes that the pictures of a recording have, known before any of them is decoded.

Recordings change size midway: WebRTC begins small and grows, a phone is turned, a window is
resized. Each size is announced by a key picture, and only those are read here, undecoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from av.stream import Discard

from inference.errors import Cancelled, UnreadableMedia
from inference.video.opening import open_media, packets_of, picture_stream
from inference.video.picture_headers import Size, announced_sizes

SAME_SHAPE = 0.03
"""Sizes whose ratios of width to height differ by less than this share are one shape: what is
scaled by a factor is rounded to even pixels, or to blocks of 8."""


@dataclass(slots=True)
class PictureSizes:
    """The sizes of one recording; the largest of each shape is the one its pictures are given in.

    A small picture is enlarged, a large one never reduced, and no picture is stretched.
    """

    _known: list[Size] = field(default_factory=list)
    _given: dict[Size, Size] = field(default_factory=dict)

    def add(self, sizes: Iterable[Size]) -> None:
        """Note sizes that occur."""
        new = [size for size in sizes if size not in self._known]
        if new:
            self._known = sorted([*self._known, *new], key=lambda s: s[0] * s[1], reverse=True)
            self._given.clear()

    def given(self, size: Size) -> Size:
        """Return the size in which a picture stored in `size` is given; a new size is noted."""
        if size not in self._given:
            self.add([size])
            self._given[size] = next(known for known in self._known if _same_shape(known, size))
        return self._given[size]

    def all_given(self) -> list[Size]:
        """Return every size that a picture is given in, the largest first."""
        return list(dict.fromkeys(self.given(size) for size in list(self._known)))

    @property
    def largest(self) -> Size:
        """The size with the most pixels, as stored; (0, 0) where none is known."""
        return self._known[0] if self._known else (0, 0)


def _same_shape(a: Size, b: Size) -> bool:
    return abs(a[0] * b[1] - b[0] * a[1]) <= SAME_SHAPE * a[0] * b[1]


def read_sizes(path: Path, max_pixels: int, is_over: Callable[[], bool]) -> PictureSizes:
    """Return the sizes that a file's key pictures announce; of other codecs, what its header says.

    Reads the file once and decodes nothing. A size that comes without being announced is learnt
    when it is decoded.

    Raises:
        UnreadableMedia: no media, or a picture has more than `max_pixels`.
        Cancelled: `is_over` said so.
    """
    sizes = PictureSizes()
    with open_media(path, max_pixels=max_pixels) as container:
        stream = picture_stream(container, path.name)
        context = stream.codec_context
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        stream.discard = Discard.nonkey
        found: set[Size] = set()
        if context.extradata:
            found.update(announced_sizes(context.extradata, context.name, None))
        for packet in packets_of(container):
            if is_over():
                raise Cancelled(f"stopped while reading {path.name}")
            if packet.stream_index != stream.index or not packet.is_keyframe or not packet.size:
                continue
            if packet.has_sidedata("new_extradata"):
                fresh = bytes(packet.get_sidedata("new_extradata"))
                found.update(announced_sizes(fresh, context.name, None))
            found.update(announced_sizes(bytes(packet), context.name, context.extradata))
        sizes.add(found or {(context.width, context.height)})
    check_size(path, sizes.largest, max_pixels)
    return sizes


def check_size(path: Path, size: Size, max_pixels: int) -> None:
    """Refuse pictures that are too large to be decoded.

    Raises:
        UnreadableMedia: `size` has more than `max_pixels`; the sentence names the setting.
    """
    if size[0] * size[1] > max_pixels:
        raise UnreadableMedia(
            f"{path.name}: its picture of {size[0]}×{size[1]} has more than the {max_pixels:,} "
            "pixels that are allowed; convert it to a smaller one, or raise "
            "RAPPORT_ANALYSIS__MAX_PICTURE_PIXELS"
        )
