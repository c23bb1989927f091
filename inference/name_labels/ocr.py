"""Text in a strip of pixels: RapidOCR's recogniser behind `LabelReader`.

Only the recogniser runs, on strips that `labels` has cut; RapidOCR's text finder and its check for
turned text stay unloaded. Its wheel carries the model, so nothing is fetched at run time.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from inference.errors import WeightsInvalid
from inference.schema.arrays import U8

MODEL_FILE = "PP-OCRv6_rec_small.onnx"
"""In the wheel of rapidocr 3.10."""
STRIP_HEIGHT_PX = 48
"""The recogniser's own input height; strips of this height are not scaled once more."""
MAX_STRIP_WIDTH_PX = 960
"""Longer strips are cut at the right: 20 times the height is more than 40 letters."""

NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
"""Read once, when ONNX Runtime is loaded. Without it the library (1.31, on Linux too) keeps an id
of the machine in the home folder and reports every session to its maker's server.
Source: https://github.com/microsoft/onnxruntime/pull/27379"""


class LabelReader(Protocol):
    """Reads one line of text from each strip."""

    def read(self, strips: Sequence[U8]) -> list[tuple[str, float]]:
        """Return text and confidence (0–1, mean over the letters) of each strip.

        Args:
            strips: RGB, shape (STRIP_HEIGHT_PX, W, 3), one line of text each, its letters filling
                about two thirds of the height. Nothing in, nothing out.

        Returns:
            ("", 0.0) where no letter was read.

        Raises:
            WeightsInvalid: the model cannot be loaded.
        """


class RapidOcrReader:
    """RapidOCR's recogniser, loaded at the first strip; may be shared by threads.

    It knows the Latin alphabet with its diacritics, Greek, Chinese and Japanese; text in other
    scripts comes back as letters that look alike, or as nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recogniser: Any = None

    def read(self, strips: Sequence[U8]) -> list[tuple[str, float]]:
        recogniser = self._loaded()
        found: list[tuple[str, float]] = []
        # One by one: a batch widens every strip to the widest, which costs more than it saves.
        for strip in strips:
            result = recogniser(strip[:, :MAX_STRIP_WIDTH_PX])
            text = result.txts[0].strip() if result.txts else ""
            found.append((text, float(result.scores[0]) if text else 0.0))
        return found

    def _loaded(self) -> Any:
        with self._lock:
            if self._recogniser is None:
                self._recogniser = _load()
            return self._recogniser


@functools.cache
def shared_reader() -> RapidOcrReader:
    """Return the process's own reader: the model takes 60 MB and half a second, once."""
    return RapidOcrReader()


def _load() -> Any:
    os.environ[NO_TELEMETRY] = "1"
    try:
        # Not at the top: its import takes a second, and calls without labels do without it.
        import rapidocr

        return rapidocr.RapidOCR(
            params={
                "Global.use_det": False,
                "Global.use_cls": False,
                "Global.use_preprocess_img": False,
                "Global.log_level": "error",
                # Named, so that a file that is missing is an error and not fetched.
                "Rec.model_path": str(Path(rapidocr.__file__).parent / "models" / MODEL_FILE),
                # Strips run beside other threads of the analysis, which are as many as the cores.
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                # The least width; the default of 320 would widen every short name with black.
                "Rec.rec_img_shape": [3, STRIP_HEIGHT_PX, STRIP_HEIGHT_PX],
            }
        )
    except Exception as exc:  # its own and onnxruntime's classes, which have no common base
        raise WeightsInvalid(
            f"The reader of name labels cannot be loaded ({exc}): install rapidocr and onnxruntime "
            "again as constraints.txt names them."
        ) from exc
