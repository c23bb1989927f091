"""README's settings table matches the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from bot.calls.stored import analyzer_options
from bot.settings import AnalysisSettings, Settings
from tests.places import ROOT

README = ROOT / "README.md"


def _fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{prefix}{name.upper()}__")
        else:
            yield prefix + name.upper(), field


def _shown(value: Any) -> str:
    if value is None or isinstance(value, SecretStr):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        import json

        return f"`{json.dumps(value)}`" if value else ""
    return f"`{value}`"


def settings_table() -> str:
    """Return the table as README must show it."""
    rows = ["| setting | default | what it does |", "| --- | --- | --- |"]
    for name, field in _fields(Settings, "RAPPORT_"):
        default = _shown(field.default).replace("|", "\\|")
        rows.append(f"| `{name}` | {default} | {field.description} |")
    return "\n".join(rows)


def test_readme_lists_every_setting_with_its_default_and_meaning() -> None:
    text = README.read_text()
    found = re.search(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", text, re.DOTALL)

    assert found, "README has no settings table"
    assert found.group(1) == settings_table(), "paste the output of settings_table() into README"


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in _fields(Settings, "") if not field.description] == []


def test_an_invalid_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAPPORT_CALLS__TOPICS", '["("]')

    with pytest.raises(ValidationError, match="is not a regular expression"):
        Settings(_env_file=None)


def test_a_setting_without_a_value_is_not_set_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("RAPPORT_LINK_SECRET=\nRAPPORT_CALLS__HOSTS=\n")
    for name in ("ZOOM__WEBHOOK_SECRET", "SLACK__TOKEN", "PUBLIC_URL", "DATABASE_URL", "PORT"):
        monkeypatch.setenv(f"RAPPORT_{name}", "")

    settings = Settings()

    secrets = (settings.link_secret, settings.zoom.webhook_secret, settings.slack.token)
    assert (*secrets, settings.public_url, settings.database_url) == (None,) * 5
    assert (settings.calls.hosts, settings.port) == ([], 8080)


def test_a_postgres_url_is_accepted_in_its_usual_form() -> None:
    settings = Settings(_env_file=None, database_url="postgresql://me@localhost/db")

    assert settings.resolved_database_url == "postgresql+psycopg://me@localhost/db"


def test_by_default_everything_stays_below_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)

    assert settings.resolved_database_url == f"sqlite:///{tmp_path / 'rapport.db'}"


def test_the_setting_chooses_what_runs_the_face_models() -> None:
    assert analyzer_options(Settings(_env_file=None)).face_backend == "litert"
    chosen = Settings(_env_file=None, analysis=AnalysisSettings(faces="mediapipe"))
    assert analyzer_options(chosen).face_backend == "mediapipe"
