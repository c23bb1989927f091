"""The size of its pictures that a key picture's packet announces, read without decoding it.

What is known here: H.264, HEVC, VP8 and VP9, which recorders of calls write.
"""

from __future__ import annotations

from inference.video.nal_units import sequence_parameters

Size = tuple[int, int]
"""Width and height in pixels, as stored."""
_H264_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""Profiles whose SPS says how colours are stored (H.264, 7.3.2.1.1)."""
_LARGEST_PX = 1 << 16
"""A side beyond this is a damaged description, not a picture."""


def announced_sizes(packet: bytes, codec: str, extradata: bytes | None) -> list[Size]:
    """Return the sizes that a key picture's packet announces; none for codecs not known here.

    Args:
        packet: as the container holds it, or the description of a stream (`extradata` None).
        codec: libav's name: h264, hevc, vp8 or vp9.
        extradata: of the stream.
    """
    try:
        if codec in _PARSERS:
            sets = sequence_parameters(packet, codec, extradata)
            found = [_PARSERS[codec](_Bits(_unescaped(one))) for one in sets]
        elif codec == "vp8":
            found = [_vp8_size(packet)]
        elif codec == "vp9":
            found = [_vp9_size(_Bits(packet))]
        else:
            return []
    except (IndexError, ValueError):  # damaged; the decoder says so when it comes to it
        return []
    return [s for s in found if 0 < s[0] <= _LARGEST_PX and 0 < s[1] <= _LARGEST_PX]


class _Bits:
    """Reads bits, the highest first; past the end, IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        value = 0
        for at in range(self._at, self._at + count):
            value = value << 1 | self._data[at >> 3] >> (7 - (at & 7)) & 1
        self._at += count
        return value

    def skip(self, count: int) -> None:
        self._at += count

    def unsigned(self) -> int:
        """Read ue(v) (H.264, 9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("no number is so long")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """Read se(v)."""
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def _unescaped(unit: bytes) -> bytes:
    return unit.replace(b"\x00\x00\x03", b"\x00\x00")


def _h264_size(bits: _Bits) -> Size:
    """Read a sequence parameter set (H.264, 7.3.2.1.1) as far as the cropping."""
    bits.skip(8)
    profile = bits.take(8)
    bits.skip(16)
    bits.unsigned()
    chroma, is_separate = 1, False
    if profile in _H264_WITH_CHROMA:
        chroma = bits.unsigned()
        is_separate = chroma == 3 and bool(bits.take(1))
        bits.unsigned()
        bits.unsigned()
        bits.skip(1)
        if bits.take(1):
            for number in range(12 if chroma == 3 else 8):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if number < 6 else 64)
    bits.unsigned()
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()
    elif order == 1:
        bits.skip(1)
        bits.signed()
        bits.signed()
        for _ in range(bits.unsigned()):
            bits.signed()
    bits.unsigned()
    bits.skip(1)
    width, height = 16 * (bits.unsigned() + 1), 16 * (bits.unsigned() + 1)
    has_frames_only = bits.take(1)
    height *= 2 - has_frames_only
    if not has_frames_only:
        bits.skip(1)
    bits.skip(1)
    across, down = _crop_units(0 if is_separate else chroma)
    return _cropped(bits, width, height, across, down * (2 - has_frames_only))


def _skip_scaling_list(bits: _Bits, length: int) -> None:
    last = following = 8
    for _ in range(length):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _hevc_size(bits: _Bits) -> Size:
    """Read a sequence parameter set (H.265, 7.3.2.2.1) as far as the conformance window."""
    bits.skip(16 + 4)
    layers = bits.take(3)
    bits.skip(1 + 96)
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.skip(2 * (8 - layers))
    for has_profile, has_level in present:
        bits.skip(88 * has_profile + 8 * has_level)
    bits.unsigned()
    chroma = bits.unsigned()
    is_separate = chroma == 3 and bool(bits.take(1))
    width, height = bits.unsigned(), bits.unsigned()
    return _cropped(bits, width, height, *_crop_units(0 if is_separate else chroma))


def _crop_units(chroma: int) -> tuple[int, int]:
    """Return how many pixels one unit of cropping is, across and down, by chroma_format_idc."""
    return (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1)


def _cropped(bits: _Bits, width: int, height: int, across: int, down: int) -> Size:
    if bits.take(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        return width - across * (left + right), height - down * (top + bottom)
    return width, height


def _vp8_size(packet: bytes) -> Size:
    """Read a key frame's header (RFC 6386, 9.1)."""
    if packet[0] & 1 or packet[3:6] != b"\x9d\x01\x2a":
        raise ValueError("no key frame")
    width, height = packet[6] | packet[7] << 8, packet[8] | packet[9] << 8
    return width & 0x3FFF, height & 0x3FFF


def _vp9_size(bits: _Bits) -> Size:
    """Read a key frame's uncompressed header (VP9 bitstream specification, 6.2)."""
    bits.skip(2)
    profile = bits.take(1) | bits.take(1) << 1
    bits.skip(profile == 3)
    if bits.take(1) or bits.take(1):
        raise ValueError("no key frame")
    bits.skip(2)
    if bits.take(24) != 0x498342:
        raise ValueError("no key frame")
    bits.skip(profile >= 2)
    if bits.take(3) != 7:  # any colours but RGB
        bits.skip(1 + 3 * (profile in (1, 3)))
    else:
        bits.skip(profile in (1, 3))
    return bits.take(16) + 1, bits.take(16) + 1


_PARSERS = {"h264": _h264_size, "hevc": _hevc_size}
