"""What an H.264 or HEVC packet says about itself: whether decoding can restart at it."""

from __future__ import annotations

from collections.abc import Iterator

_START_CODE = b"\x00\x00\x01"
_H264_PICTURES, _H264_IDR = range(1, 6), frozenset({5})
"""Types of units that carry a picture, and those of them after which nothing refers back (H.264,
table 7-1)."""
_HEVC_PICTURES, _HEVC_IDR = range(32), frozenset({19, 20})
"""The same (H.265, table 7-1). A CRA picture is no such: what is shown before it may refer back."""


def decoding_restarts_at(packet: bytes, codec: str, extradata: bytes | None) -> bool:
    """Return whether no picture from this packet on refers to any before it.

    A container's key flag alone does not say so: it also marks pictures of open groups.

    Args:
        packet: one picture, as the container holds it.
        codec: libav's name; other codecs than h264 and hevc give False.
        extradata: of the stream; it says how long the units' lengths are.
    """
    if codec == "h264":
        pictures, idr, mask, shift = _H264_PICTURES, _H264_IDR, 0x1F, 0
        length_at, shortest = 4, 7
    elif codec == "hevc":
        pictures, idr, mask, shift = _HEVC_PICTURES, _HEVC_IDR, 0x3F, 1
        length_at, shortest = 21, 23
    else:
        return False
    # An avcC or hvcC record starts with its version, 1; anything else means start codes.
    has_lengths = extradata is not None and len(extradata) >= shortest and extradata[0] == 1
    if extradata is not None and has_lengths:
        headers = _after_lengths(packet, (extradata[length_at] & 3) + 1)
    else:
        headers = _after_start_codes(packet)
    for header in headers:
        kind = header >> shift & mask
        if kind in pictures:
            return kind in idr
    return False


def _after_lengths(packet: bytes, length_bytes: int) -> Iterator[int]:
    at = 0
    while at + length_bytes < len(packet):
        yield packet[at + length_bytes]
        at += length_bytes + int.from_bytes(packet[at : at + length_bytes], "big")


def _after_start_codes(packet: bytes) -> Iterator[int]:
    at = packet.find(_START_CODE)
    while 0 <= at < len(packet) - len(_START_CODE):
        yield packet[at + len(_START_CODE)]
        at = packet.find(_START_CODE, at + len(_START_CODE))
