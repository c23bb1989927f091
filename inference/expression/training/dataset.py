"""Labelled faces for training: FER2013 as tile grids, as fer2013.csv, or a folder per class."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from inference.errors import UnreadableMedia
from inference.schema.arrays import EXPRESSIONS, F32, U8, Bools

TILE_PX = 48
GRID_COLUMNS = 100
"""Tiles in a row of a grid picture, left to right, then the next row."""

FERPLUS_COLUMNS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
"""FER+ names of the seven classes, in EXPRESSIONS order. Contempt, which FER2013 has not, and
"unknown" and "not a face" votes are left out and the rest is scaled to sum to 1."""

FERPLUS_LEAST_VOTES = 4
"""Fewer votes than this (of ten) for the seven classes say too little to be used."""

SPLITS = ("training", "public_test", "private_test")
USAGES = {"Training": "training", "PublicTest": "public_test", "PrivateTest": "private_test"}
FOLDER_SPLITS = {
    "training": ("train", "training"),
    "public_test": ("validation", "valid", "val", "public_test", "publictest"),
    "private_test": ("test", "private_test", "privatetest"),
}
VALIDATION_EVERY = 10
"""Where no validation split is given, every tenth training face becomes one."""

FER2013_LICENSE = "FER2013: research use, nobody in it was asked; FER+ votes: MIT"
OWN_LICENSE = "not known: the pictures are the trainer's own"

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})


@dataclass(frozen=True, slots=True)
class FaceSet:
    """Faces of one split. `soft` are FER+ vote shares; NaN rows where there are none."""

    images: U8  # (N, 48, 48) grey
    labels: np.ndarray[tuple[int], np.dtype[np.int64]]  # (N,) index into EXPRESSIONS
    soft: F32  # (N, 7) rows sum to 1, or NaN
    not_a_face: Bools  # (N,) most FER+ annotators saw no face
    ambiguous: Bools  # (N,) the same picture is in the set with another label as well

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray[tuple[int], np.dtype[np.int64]] | Bools) -> FaceSet:
        """Return the faces at `rows`, an index or a mask."""
        return FaceSet(
            self.images[rows],
            self.labels[rows],
            self.soft[rows],
            self.not_a_face[rows],
            self.ambiguous[rows],
        )

    def majority(self) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Bools]:
        """Return the expression with most FER+ votes, (N,), and whether it is unique, (N,)."""
        votes = np.nan_to_num(self.soft)
        top = np.sort(votes, axis=1)
        return votes.argmax(1), top[:, -1] > top[:, -2]

    def digests(self) -> list[bytes]:
        """Return one hash per picture: equal pictures, equal hashes."""
        return [hashlib.blake2b(tile.tobytes(), digest_size=16).digest() for tile in self.images]

    @staticmethod
    def of(images: U8, labels: np.ndarray[tuple[int], np.dtype[np.int64]]) -> FaceSet:
        """Return a set without FER+ votes."""
        soft = np.full((len(labels), len(EXPRESSIONS)), np.nan, np.float32)
        no = np.zeros(len(labels), bool)
        return FaceSet(images, labels, soft, no, no)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The three splits. `private_test` is never looked at while training; None if not given."""

    training: FaceSet
    public_test: FaceSet
    private_test: FaceSet | None
    source: str
    """Where the faces come from, as stated in the model card."""
    license: str
    """On what terms the pictures may be used, as far as their format shows."""


def load_training_data(path: Path) -> TrainingData:
    """Read labelled faces in whichever of the three forms `path` has.

    Args:
        path: a folder with training.png and training.csv (grids), a CSV file with the columns
            emotion, pixels, Usage, or a folder of pictures: `happy/1.png`, or with splits,
            `train/happy/1.png` and `test/happy/1.png`.

    Raises:
        UnreadableMedia: nothing of the kind is there, or a file of it is damaged.
    """
    if path.is_file():
        return load_fer_csv(path)
    if (path / "training.csv").is_file():
        sets = {split: load_grid(path, split) for split in SPLITS}
        return TrainingData(
            sets["training"],
            sets["public_test"],
            sets["private_test"],
            "FER2013 with FER+ votes (tile grids)",
            FER2013_LICENSE,
        )
    if path.is_dir():
        return load_class_folders(path)
    raise UnreadableMedia(
        f"No training data at {path}: give a fer2013.csv, a folder with one folder per"
        f" expression ({', '.join(EXPRESSIONS)}), or a folder of FER2013 grids."
    )


def load_grid(folder: Path, split: str) -> FaceSet:
    """Read one split of FER2013 kept as a grid of tiles with a CSV beside it.

    Args:
        folder: holds `{split}.png` (48×48 tiles, 100 a row) and `{split}.csv` (a row per tile:
            emotion and, optionally, ferplus_aligned, votes_* and label_ambiguous).
        split: "training", "public_test" or "private_test".

    Raises:
        UnreadableMedia: a file is missing or damaged, or picture and CSV do not fit together.
    """
    rows = read_table(folder / f"{split}.csv", ("emotion",))
    picture = read_grey(folder / f"{split}.png")
    tall, wide = picture.shape[0] // TILE_PX, picture.shape[1] // TILE_PX
    if wide != GRID_COLUMNS or tall * wide < len(rows):
        raise UnreadableMedia(
            f"{folder / split}.png is {wide} × {tall} tiles of {TILE_PX} px, but {split}.csv needs"
            f" {GRID_COLUMNS} a row and {len(rows)} in all: fetch both files again."
        )
    tiles = picture[: tall * TILE_PX, : wide * TILE_PX].reshape(tall, TILE_PX, wide, TILE_PX)
    images = np.ascontiguousarray(tiles.transpose(0, 2, 1, 3).reshape(-1, TILE_PX, TILE_PX))
    labels = _label_numbers([row["emotion"] for row in rows], folder / f"{split}.csv")
    soft, not_a_face = _votes(rows)
    ambiguous = np.array([row.get("label_ambiguous") == "1" for row in rows], bool)
    return FaceSet(images[: len(rows)], labels, soft, not_a_face, ambiguous)


def load_fer_csv(path: Path) -> TrainingData:
    """Read Kaggle's fer2013.csv: columns emotion (0–6), pixels (2304 numbers), Usage.

    Without rows marked PublicTest, every tenth training face is kept for validation.

    Raises:
        UnreadableMedia: the file or a column is missing, or a row has not 2304 numbers.
    """
    rows = read_table(path, ("emotion", "pixels"))
    sets: dict[str, FaceSet] = {}
    for usage, split in USAGES.items():
        chosen = [row for row in rows if (row.get("Usage") or "Training").strip() == usage]
        if not chosen:
            continue
        pictures = np.empty((len(chosen), TILE_PX, TILE_PX), np.uint8)
        for picture, row in zip(pictures, chosen, strict=True):
            picture[:] = _pixels(row["pixels"], path)
        labels = _label_numbers([row["emotion"] for row in chosen], path)
        sets[split] = FaceSet.of(pictures, labels)
    return _complete(sets, path, f"{path.name}", FER2013_LICENSE)


def load_class_folders(path: Path) -> TrainingData:
    """Read a folder per expression, either at once or inside train/, validation/ and test/.

    Pictures of any size become grey 48×48. Without a validation folder, every tenth training
    face is kept for validation.

    Raises:
        UnreadableMedia: no folder is named after an expression, or a picture cannot be read.
    """
    sets: dict[str, FaceSet] = {}
    below = {child.name.lower(): child for child in sorted(path.iterdir()) if child.is_dir()}
    for split, names in FOLDER_SPLITS.items():
        for name in names:
            if name in below and split not in sets:
                sets[split] = _read_class_folders(below[name])
    if "training" not in sets:
        sets["training"] = _read_class_folders(path)
    return _complete(sets, path, f"pictures in folders ({path.name})", OWN_LICENSE)


def read_grey(path: Path, size_px: int | None = None) -> U8:
    """Read a picture as grey, (H, W), scaled to a square of `size_px` if given.

    Raises:
        UnreadableMedia: the file is missing or no picture.
    """
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as exc:
        raise UnreadableMedia(f"{path} cannot be read ({exc.strerror}): check the path.") from exc
    try:
        picture = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE) if len(content) else None
    except cv2.error as exc:
        raise UnreadableMedia(f"{path} is not a picture that OpenCV can read: replace it.") from exc
    if picture is None:
        raise UnreadableMedia(
            f"{path} is not a picture that OpenCV can read: replace or remove it."
        )
    return np.asarray(picture, np.uint8) if size_px is None else resize_grey(picture, size_px)


def resize_grey(picture: U8, size_px: int) -> U8:
    """Scale a grey picture to a square, averaging when it shrinks so that nothing aliases."""
    if picture.shape == (size_px, size_px):
        return picture
    shrinks = min(picture.shape) > size_px
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (size_px, size_px), interpolation=how), np.uint8)


def read_table(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Read a CSV file with a header as one dict per row.

    Raises:
        UnreadableMedia: the file is missing, is not text, is empty, or lacks one of `columns`.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            found = reader.fieldnames or []
    except OSError as exc:
        raise UnreadableMedia(f"{path} cannot be read ({exc.strerror}): check the path.") from exc
    except (UnicodeDecodeError, csv.Error) as exc:
        raise UnreadableMedia(f"{path} is not a CSV file in UTF-8: save it as one.") from exc
    missing = [column for column in columns if column not in found]
    if missing:
        raise UnreadableMedia(
            f"{path} has no column {' and '.join(missing)}: its first line must name"
            f" {', '.join(columns)}."
        )
    if not rows:
        raise UnreadableMedia(f"{path} has a header and no rows: add rows below it.")
    return rows


def _pixels(text: str, path: Path) -> U8:
    """Read the 2304 grey levels of one face."""
    try:
        levels = np.array(text.split(), np.int64).reshape(TILE_PX, TILE_PX)
    except (ValueError, OverflowError, AttributeError) as exc:
        raise UnreadableMedia(
            f"{path}: a row's pixels are not {TILE_PX * TILE_PX} numbers of 0–255."
        ) from exc
    if levels.min() < 0 or levels.max() > 255:
        raise UnreadableMedia(f"{path}: a row has pixels outside the grey levels 0–255.")
    return levels.astype(np.uint8)


def _label_numbers(values: list[str], path: Path) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Read class numbers 0–6."""
    try:
        labels = np.array([int(value) for value in values], np.int64)
    except (TypeError, ValueError) as exc:
        raise UnreadableMedia(f"{path}: emotion must be a number 0–6.") from exc
    if len(labels) and (labels.min() < 0 or labels.max() >= len(EXPRESSIONS)):
        raise UnreadableMedia(f"{path}: emotion must be a number 0–6.")
    return labels


def _votes(rows: list[dict[str, str]]) -> tuple[F32, Bools]:
    """Fold FER+ votes to shares of the seven classes; only where they belong to the picture."""
    soft = np.full((len(rows), len(EXPRESSIONS)), np.nan, np.float32)
    not_a_face = np.zeros(len(rows), bool)
    if "ferplus_aligned" not in rows[0] or "votes_neutral" not in rows[0]:
        return soft, not_a_face
    for i, row in enumerate(rows):
        if row["ferplus_aligned"] != "1":
            continue
        votes = np.array([int(row[f"votes_{name}"]) for name in FERPLUS_COLUMNS], np.float32)
        if votes.sum() >= FERPLUS_LEAST_VOTES:
            soft[i] = votes / votes.sum()
        not_a_face[i] = int(row["votes_NF"]) > 5
    return soft, not_a_face


def _read_class_folders(path: Path) -> FaceSet:
    images, labels = [], []
    for folder in sorted(path.iterdir()):
        if not folder.is_dir() or folder.name.lower() not in EXPRESSIONS:
            continue
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() in IMAGE_SUFFIXES:
                images.append(read_grey(file, TILE_PX))
                labels.append(EXPRESSIONS.index(folder.name.lower()))
    if not images:
        raise UnreadableMedia(
            f"No pictures under {path}: it needs one folder per expression"
            f" ({', '.join(EXPRESSIONS)}) with pictures in them."
        )
    return FaceSet.of(np.stack(images), np.array(labels, np.int64))


def _complete(sets: dict[str, FaceSet], path: Path, source: str, license_text: str) -> TrainingData:
    """Split validation off where none was given."""
    if "training" not in sets:
        raise UnreadableMedia(
            f"{path} has no rows marked Training: there is nothing to learn from."
        )
    training = sets["training"]
    if "public_test" not in sets:
        held = np.arange(len(training)) % VALIDATION_EVERY == VALIDATION_EVERY - 1
        if not held.any():
            raise UnreadableMedia(
                f"{path} has {len(training)} faces: at least {VALIDATION_EVERY} are needed."
            )
        sets["public_test"] = training.take(held)
        training = training.take(~held)
    return TrainingData(
        training, sets["public_test"], sets.get("private_test"), source, license_text
    )
