"""Training faces are read from each of the three forms, and bad files are named."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.errors import UnreadableMedia
from inference.expression.training.dataset import load_grid, load_training_data, read_grey
from inference.schema.arrays import EXPRESSIONS, U8

GRID_HEADER = (
    "index,emotion,label_ambiguous,ferplus_aligned,votes_neutral,votes_happiness,votes_surprise,"
    "votes_sadness,votes_anger,votes_disgust,votes_fear,votes_contempt,votes_unknown,votes_NF\n"
)


def write_picture(path: Path, picture: U8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())


def write_grid(folder: Path, split: str, rows: list[str], tall: int = 1) -> None:
    """Tiles whose grey level is their number."""
    levels = np.arange(tall * 100, dtype=np.uint8).reshape(tall, 100)
    write_picture(folder / f"{split}.png", np.kron(levels, np.ones((48, 48), np.uint8)))
    (folder / f"{split}.csv").write_text(GRID_HEADER + "".join(rows))


def test_tiles_of_a_grid_stand_in_the_order_of_its_csv(tmp_path: Path) -> None:
    rows = [f"{i},{i % 7},0,0,0,0,0,0,0,0,0,0,0,0\n" for i in range(130)]
    write_grid(tmp_path, "training", rows, tall=2)
    faces = load_grid(tmp_path, "training")
    assert faces.images.shape == (130, 48, 48)
    assert [int(tile[0, 0]) for tile in faces.images] == list(range(130))
    assert faces.labels.tolist() == [i % 7 for i in range(130)]


def test_ferplus_votes_are_folded_to_the_seven_classes_where_they_belong(tmp_path: Path) -> None:
    rows = [
        "0,0,0,1,4,2,0,0,2,0,0,1,1,0\n",  # four neutral, two happy, two angry, one contempt
        "1,0,0,0,9,1,0,0,0,0,0,0,0,0\n",  # votes of another picture
        "2,0,0,1,1,0,0,0,1,0,0,8,0,0\n",  # nearly all contempt: too little is left
        "3,0,0,1,0,0,0,0,1,0,0,0,0,9\n",  # not a face
    ]
    write_grid(tmp_path, "training", rows)
    faces = load_grid(tmp_path, "training")
    shares = dict(zip(EXPRESSIONS, faces.soft[0].tolist(), strict=True))
    assert shares == pytest.approx(
        {"angry": 0.25, "disgust": 0, "fear": 0, "happy": 0.25, "sad": 0, "surprise": 0,
         "neutral": 0.5}
    )  # fmt: skip
    assert np.isnan(faces.soft[1:]).all()
    assert faces.not_a_face.tolist() == [False, False, False, True]


def test_a_grid_with_fewer_tiles_than_rows_is_refused(tmp_path: Path) -> None:
    write_grid(tmp_path, "training", [f"{i},0,0,0,0,0,0,0,0,0,0,0,0,0\n" for i in range(101)])
    with pytest.raises(UnreadableMedia, match="fetch both files again"):
        load_grid(tmp_path, "training")


def fer_row(emotion: str, level: int, usage: str) -> str:
    return f"{emotion},{' '.join([str(level)] * 2304)},{usage}\n"


def test_kaggles_csv_gives_its_three_splits(tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(
        "emotion,pixels,Usage\n"
        + fer_row("3", 10, "Training")
        + fer_row("6", 20, "PublicTest")
        + fer_row("0", 30, "PrivateTest")
    )
    data = load_training_data(path)
    assert data.training.images[0, 5, 5] == 10
    assert data.public_test.labels.tolist() == [6]
    assert data.private_test is not None
    assert data.private_test.images[0, 47, 47] == 30


def test_a_csv_without_splits_keeps_a_tenth_for_validation(tmp_path: Path) -> None:
    path = tmp_path / "faces.csv"
    rows = [f"{i % 7},{' '.join(['9'] * 2304)}\n" for i in range(30)]
    path.write_text("emotion,pixels\n" + "".join(rows))
    data = load_training_data(path)
    assert (len(data.training), len(data.public_test), data.private_test) == (27, 3, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("emotion,pictures\n3,1\n", "no column pixels"),
        ("emotion,pixels,Usage\n", "no rows"),
        ("emotion,pixels,Usage\n3,1 2 3,Training\n", "not 2304 numbers"),
        ("emotion,pixels,Usage\n" + fer_row("7", 1, "Training"), "number 0–6"),
        ("emotion,pixels,Usage\n" + fer_row("happy", 1, "Training"), "number 0–6"),
        ("emotion,pixels,Usage\n" + fer_row("3", 999, "Training"), "outside the grey levels"),
        ("emotion,pixels,Usage\n" + fer_row("3", 1, "PublicTest"), "nothing to learn"),
    ],
)
def test_a_csv_that_does_not_fit_is_named_with_the_reason(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(text)
    with pytest.raises(UnreadableMedia, match=message) as caught:
        load_training_data(path)
    assert "fer2013.csv" in str(caught.value)


def test_folders_per_expression_are_read_with_their_splits(tmp_path: Path) -> None:
    colour = np.full((60, 70, 3), 200, np.uint8)
    for i in range(3):
        write_picture(tmp_path / "train" / "Happy" / f"é{i}.png", colour)
    write_picture(tmp_path / "train" / "contempt" / "0.png", colour)  # no class of ours
    write_picture(tmp_path / "val" / "sad" / "0.jpg", colour)
    write_picture(tmp_path / "test" / "fear" / "0.png", colour)
    data = load_training_data(tmp_path)
    assert data.training.labels.tolist() == [3, 3, 3]
    assert data.training.images.shape == (3, 48, 48)
    assert data.public_test.labels.tolist() == [4]
    assert data.private_test is not None
    assert data.private_test.labels.tolist() == [2]


def test_a_folder_without_classes_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMedia, match="one folder per expression"):
        load_training_data(tmp_path)
    with pytest.raises(UnreadableMedia, match="No training data"):
        load_training_data(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_a_picture_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "face.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableMedia, match=r"face\.png is not a picture"):
        read_grey(path)


def test_equal_pictures_have_equal_digests(tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    levels = [5, 9, 5] + [1] * 7
    path.write_text(
        "emotion,pixels,Usage\n" + "".join(fer_row("3", level, "Training") for level in levels)
    )
    digests = load_training_data(path).training.digests()
    assert digests[0] == digests[2] != digests[1]
