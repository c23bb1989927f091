"""Opening a media file: which containers, and what is said of files that are none.

Every libav error of opening ends here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import av
import av.error
from av.codec.hwaccel import HWAccel
from av.stream import Disposition, Stream

from inference.errors import NoVideoStream, UnreadableMedia

Packet: TypeAlias = "av.Packet[Stream]"

FORMATS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,h264,hevc"
"""Containers that are opened. Playlists would read other files, and libav takes text for a film."""
_MAX_READ_ERRORS = 200
"""Read errors in a row after which the rest of a file counts as lost."""
MAX_PICTURE_PIXELS = 7680 * 4320
"""Width times height of the largest picture that is decoded unless a setting says otherwise: 8K."""


def open_media(
    path: Path,
    formats: str = FORMATS,
    device: str = "cpu",
    max_pixels: int = MAX_PICTURE_PIXELS,
) -> av.container.InputContainer:
    """Open a file of one of these containers.

    `device` "cuda" or "cuda:1" has pictures decoded there (NVDEC) where the card, its driver and
    the codec allow it, else as "cpu" does. Opening decodes no picture of more than twice
    `max_pixels`.

    Raises:
        UnreadableMedia: it is missing, empty, a web page, or not readable media.
    """
    try:
        with path.open("rb") as file:
            head = file.read(512).lstrip().lower()
    except OSError as exc:
        raise UnreadableMedia(f"{path.name}: cannot be read: {exc.strerror}") from exc
    if not head:
        raise UnreadableMedia(f"{path.name}: the file is empty; download it again")
    if head.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise UnreadableMedia(
            f"{path.name}: is a web page, not a recording (Zoom sends its sign-in page when the "
            "download token is wrong or too old); download it again"
        )
    # "file:" keeps a colon in a name from being read as a protocol.
    name = f"file:{path.resolve()}"
    options = {"format_whitelist": formats, **decoder_options(max_pixels)}
    if device != "cpu":
        kind, _, number = device.partition(":")
        # Pictures stay on the card: of many decoded, only those sampled are copied from it.
        on_card = HWAccel(kind, number or None, allow_software_fallback=True, is_hw_owned=True)
        # No card or no driver, or no media: opening without a card shows which.
        with contextlib.suppress(av.error.FFmpegError, ValueError):
            return av.open(name, options=options, hwaccel=on_card)
    try:
        return av.open(name, options=options)
    except (av.error.FFmpegError, ValueError) as exc:
        # The whole message would reveal the server's folder.
        reason = getattr(exc, "strerror", None) or "no media"
        raise UnreadableMedia(
            f"{path.name}: is not a readable recording, or its index is cut off ({reason}); "
            "download it again"
        ) from exc


def decoder_options(max_pixels: int) -> dict[str, str]:
    """Return libav's options with which a decoder never makes room for a much larger picture.

    The exact limit is checked against the sizes that a file announces. Decoders count rows and
    columns that are cut off again, and may be wrong by a few: they get twice the limit.
    """
    return {"max_pixels": str(2 * max_pixels)}


def picture_stream(container: av.container.InputContainer, name: str) -> av.VideoStream:
    """Return a file's picture stream.

    Raises:
        NoVideoStream: it has none.
        UnreadableMedia: its codec is unknown.
    """
    for stream in container.streams.video:
        # The cover of a sound file is a video stream of one picture.
        if stream.disposition & Disposition.attached_pic:
            continue
        if stream.codec_context is None:
            raise UnreadableMedia(
                f"{name}: its video format cannot be decoded; convert it to H.264"
            )
        return stream
    raise NoVideoStream(
        f"{name}: contains audio or data but no video; download a video of the call"
    )


def packets_of(container: av.container.InputContainer) -> Iterator[Packet]:
    """Return every packet that can be read, past damaged places, until the file ends."""
    errors = 0
    while errors < _MAX_READ_ERRORS:
        try:
            for packet in container.demux():
                errors = 0
                yield packet
            return
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            errors += 1
