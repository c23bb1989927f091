"""What an H.264 or HEVC packet says about itself: whether decoding can restart at it, and the
descriptions of the pictures (SPS) that come with it."""

from __future__ import annotations

from collections.abc import Iterator

_START_CODE = b"\x00\x00\x01"
_H264_PICTURES, _H264_IDR = range(1, 6), frozenset({5})
"""Types of units that carry a picture, and those of them after which nothing refers back (H.264,
table 7-1)."""
_HEVC_PICTURES, _HEVC_IDR = range(32), frozenset({19, 20})
"""The same (H.265, table 7-1). A CRA picture is no such: what is shown before it may refer back."""
_H264_SPS, _HEVC_SPS = 7, 33


def decoding_restarts_at(packet: bytes, codec: str, extradata: bytes | None) -> bool:
    """Return whether no picture from this packet on refers to any before it.

    A container's key flag alone does not say so: it also marks pictures of open groups.

    Args:
        packet: one picture, as the container holds it.
        codec: libav's name; other codecs than h264 and hevc give False.
        extradata: of the stream; it says how long the units' lengths are.
    """
    if codec not in ("h264", "hevc"):
        return False
    is_h264 = codec == "h264"
    pictures, idr = (_H264_PICTURES, _H264_IDR) if is_h264 else (_HEVC_PICTURES, _HEVC_IDR)
    for at in _unit_starts(packet, codec, extradata):
        kind = _kind(packet[at], codec)
        if kind in pictures:
            return kind in idr
    return False


def sequence_parameters(packet: bytes, codec: str, extradata: bytes | None) -> list[bytes]:
    """Return the sequence parameter sets that a packet holds before its picture, headers included.

    Args:
        packet: one picture as the container holds it, or a whole description of a stream: an avcC
            or hvcC record, or units with start codes.
        codec: "h264" or "hevc".
        extradata: of the stream; None for a description.
    """
    wanted = _H264_SPS if codec == "h264" else _HEVC_SPS
    pictures = _H264_PICTURES if codec == "h264" else _HEVC_PICTURES
    if extradata is None and _is_record(packet, codec):
        return [unit for unit in _record_units(packet, codec) if _kind(unit[0], codec) == wanted]
    starts: list[int] = []
    for at in _unit_starts(packet, codec, extradata):
        starts.append(at)
        if _kind(packet[at], codec) in pictures:
            break
    ends = [*starts[1:], len(packet)]
    # What follows a set in its slice (the next unit's length or start code) is not read.
    return [
        packet[at:end]
        for at, end in zip(starts, ends, strict=True)
        if _kind(packet[at], codec) == wanted
    ]


def _kind(header: int, codec: str) -> int:
    return header & 0x1F if codec == "h264" else header >> 1 & 0x3F


def _is_record(extradata: bytes, codec: str) -> bool:
    # An avcC or hvcC record starts with its version, 1; anything else means start codes.
    return len(extradata) >= (7 if codec == "h264" else 23) and extradata[0] == 1


def _record_units(record: bytes, codec: str) -> Iterator[bytes]:
    """Return the units of an avcC or hvcC record (ISO 14496-15), as far as it goes."""

    def counted(at: int, count: int) -> Iterator[bytes]:
        for _ in range(count):
            length = int.from_bytes(record[at : at + 2], "big")
            if length and at + 2 + length <= len(record):
                yield record[at + 2 : at + 2 + length]
            at += 2 + length

    if codec == "h264":
        yield from counted(6, record[5] & 0x1F)
        return
    at = 23
    for _ in range(record[22]):
        count = int.from_bytes(record[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            yield from counted(at, 1)
            at += 2 + int.from_bytes(record[at : at + 2], "big")


def _unit_starts(packet: bytes, codec: str, extradata: bytes | None) -> Iterator[int]:
    """Return where the units of a packet begin, at their headers."""
    if extradata is not None and _is_record(extradata, codec):
        length_at = 4 if codec == "h264" else 21
        return _after_lengths(packet, (extradata[length_at] & 3) + 1)
    return _after_start_codes(packet)


def _after_lengths(packet: bytes, length_bytes: int) -> Iterator[int]:
    at = 0
    while at + length_bytes < len(packet):
        yield at + length_bytes
        at += length_bytes + int.from_bytes(packet[at : at + length_bytes], "big")


def _after_start_codes(packet: bytes) -> Iterator[int]:
    at = packet.find(_START_CODE)
    while 0 <= at < len(packet) - len(_START_CODE):
        yield at + len(_START_CODE)
        at = packet.find(_START_CODE, at + len(_START_CODE))
