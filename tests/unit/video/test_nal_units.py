"""Where a stream begins anew: what the units of a packet say, whatever wraps them."""

from __future__ import annotations

import pytest

from inference.video.nal_units import decoding_restarts_at

AVCC = bytes([1, 100, 0, 31, 0xFF, 0xE1, 0])  # units' lengths take four bytes
HVCC = bytes([1] + [0] * 20 + [0xF1, 0])  # two bytes
SEI, SPS, IDR, OTHER = b"\x06\x05", b"\x67\x64", b"\x65\x88", b"\x41\x9a"
HEVC_SPS, HEVC_IDR, HEVC_CRA, HEVC_OTHER = (bytes([kind << 1, 1]) for kind in (33, 19, 21, 1))


def with_lengths(*units: bytes, length_bytes: int = 4) -> bytes:
    return b"".join(len(unit).to_bytes(length_bytes, "big") + unit for unit in units)


def with_start_codes(*units: bytes) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in units)


@pytest.mark.parametrize(
    ("packet", "codec", "extradata", "expected"),
    [
        (with_lengths(SEI, SPS, IDR), "h264", AVCC, True),
        (with_lengths(SEI, OTHER), "h264", AVCC, False),
        (with_start_codes(SPS, IDR, IDR), "h264", None, True),
        (with_start_codes(SPS, OTHER), "h264", b"\0\0\0\1" + SPS, False),
        (with_lengths(HEVC_SPS, HEVC_IDR, length_bytes=2), "hevc", HVCC, True),
        (with_start_codes(HEVC_SPS, HEVC_CRA), "hevc", None, False),
        (with_start_codes(HEVC_OTHER), "hevc", None, False),
        (with_start_codes(IDR), "vp9", None, False),
        (b"", "h264", AVCC, False),
        (with_lengths(SEI) + b"\xff\xff\xff\xff", "h264", AVCC, False),
        (b"\0\0\1", "h264", None, False),
    ],
)
def test_decoding_restarts_only_at_a_picture_that_nothing_reaches_back_over(
    packet: bytes, codec: str, extradata: bytes | None, expected: bool
) -> None:
    assert decoding_restarts_at(packet, codec, extradata) is expected
