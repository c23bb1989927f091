"""The models' files: missing, damaged and whole ones are told apart; a wrong wheel does no harm."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from inference.errors import WeightsInvalid
from inference.faces.model_files import (
    MODEL_FILES,
    SHORT_RANGE,
    ModelFile,
    list_model_files,
    main,
    read_model,
    take_out,
)


def test_a_folder_without_models_lists_every_one_as_missing(tmp_path: Path) -> None:
    states = list_model_files(tmp_path / "nowhere")
    assert [state.path.name for state in states] == [model.name for model in MODEL_FILES]
    assert not any(state.is_there or state.fits for state in states)


def test_a_missing_model_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsInvalid, match=r"cannot be read .*: run `make install`"):
        read_model(SHORT_RANGE, tmp_path)


def test_a_damaged_model_is_never_read(tmp_path: Path) -> None:
    (tmp_path / SHORT_RANGE.name).write_bytes(b"half a model")
    with pytest.raises(WeightsInvalid, match="run `make install`"):
        read_model(SHORT_RANGE, tmp_path)
    state = list_model_files(tmp_path)[0]
    assert (state.is_there, state.fits) == (True, False)


def test_a_whole_model_is_read(tmp_path: Path) -> None:
    model = ModelFile("own.tflite", "folder", hashlib.sha256(b"model").hexdigest())
    (tmp_path / model.name).write_bytes(b"model")
    assert read_model(model, tmp_path) == b"model"


@pytest.mark.parametrize("carried", ["no models", "other models", "no zip"])
def test_a_wrong_wheel_leaves_the_folder_as_it_was(tmp_path: Path, carried: str) -> None:
    wheel, folder = tmp_path / "mediapipe-9-py3-none-any.whl", tmp_path / "models"
    if carried == "no zip":
        wheel.write_bytes(b"not a wheel")
    else:
        with zipfile.ZipFile(wheel, "w") as archive:
            for model in MODEL_FILES if carried == "other models" else ():
                archive.writestr(f"{model.folder}/{model.name}", b"another model")
    with pytest.raises(WeightsInvalid, match=r"mediapipe 0\.10\.21"):
        take_out(wheel, folder)
    assert not folder.exists()


def test_the_command_refuses_a_file_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path / "none.whl")])
    assert "none.whl is not the wheel of mediapipe 0.10.21" in capsys.readouterr().err
