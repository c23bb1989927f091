"""Every setting of Rapport, read from `RAPPORT_…` variables and `.env`.

Nested fields are joined by two underscores: `RAPPORT_ZOOM__CLIENT_ID`. A secret whose default is
None means "not set up"; `rapport check` says so and what to do. Built once in `__main__`.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Literal, get_origin

from dotenv import dotenv_values
from pydantic import BaseModel, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Profile = Literal["sales", "classic", "classroom", "product_demo", "seminar", "general"]


class ZoomSettings(BaseModel):
    """The Zoom app (server-to-server OAuth) and its webhook."""

    account_id: str | None = Field(None, description="Account ID of the server-to-server app.")
    client_id: str | None = Field(None, description="Client ID of the server-to-server app.")
    client_secret: SecretStr | None = Field(None, description="Client secret of that app.")
    webhook_secret: SecretStr | None = Field(
        None, description="Secret Token of the app's event subscription; signs every webhook."
    )
    api_url: str = Field("https://api.zoom.us/v2", description="Base of Zoom's REST API.")
    oauth_url: str = Field("https://zoom.us", description="Base of Zoom's token endpoint.")
    download_hosts: list[str] = Field(
        ["zoom.us", "zoom.com", "zoomgov.com"],
        description="Hosts, with their subdomains, that recordings may come from, over https.",
    )
    insecure_hosts: list[str] = Field(
        [],
        description="host:port pairs that may be used over plain http: for the stand-ins only.",
    )
    stale_after_s: int = Field(
        300, ge=0, description="A webhook whose timestamp is older than this is flagged."
    )
    disk_reserve_bytes: int = Field(
        1_000_000_000, ge=0, description="Free disk that a download must leave."
    )


class SlackSettings(BaseModel):
    """Where summaries go. Without a token they are written to `<data_dir>/outbox`."""

    token: SecretStr | None = Field(None, description="Bot token, xoxb-…")
    channel: str | None = Field(None, description="Channel ID that summaries go to by default.")
    channel_by_host: dict[str, str] = Field(
        {}, description="Channel IDs by host e-mail, as JSON, where not the default."
    )
    api_url: str = Field("https://slack.com/api/", description="Base of Slack's Web API.")


class CallSettings(BaseModel):
    """Which calls are analysed."""

    hosts: list[str] = Field(
        [], description="Host e-mails or domains to analyse; empty = all, as JSON."
    )
    topics: list[str] = Field(
        [], description="Regular expressions, one must match the topic; empty = all, as JSON."
    )
    exclude_topics: list[str] = Field(
        ["(?i)\\binterview"],
        description="Regular expressions; a topic that matches is left out, as JSON.",
    )
    min_duration_s: int = Field(60, ge=0, description="Shorter recordings are left out.")
    own_domains: list[str] = Field(
        [],
        description="E-mail domains of your own side, with all below them; empty = the host's "
        "domain, as JSON.",
    )
    include_internal: bool = Field(
        False, description="Also analyse calls in which only your own side took part."
    )
    score_own_side: bool = Field(
        True,
        description="Score the expressions of your own side. Switch off for employees in the EU.",
    )
    transcript_wait_s: int = Field(
        900, ge=0, description="How long the report waits for a transcript; 0 = not at all."
    )

    @field_validator("topics", "exclude_topics")
    @classmethod
    def _patterns_compile(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as exc:
                raise ValueError(f"{pattern!r} is not a regular expression: {exc}") from exc
        return patterns


class AnalysisSettings(BaseModel):
    """How recordings are read and scored."""

    samples_per_s: float = Field(2.0, gt=0, le=30, description="Pictures looked at per second.")
    profile: Profile = Field("sales", description="Scoring profile (docs/scoring.md).")
    device: str = Field("auto", description='"auto", "cpu", "cuda", or "mps" on a Mac.')
    decode_device: str = Field(
        "cpu",
        pattern=r"^(cpu|cuda(:\d+)?)$",
        description='"cpu", or "cuda" to decode on the card (NVDEC); else the CPU does.',
    )
    faces: Literal["litert", "mediapipe"] = Field(
        "litert",
        description='What runs the face models: "litert", or "mediapipe" where it is installed.',
    )
    batch_size: int = Field(64, ge=1, le=4096, description="Largest batch of faces.")
    batch_wait_ms: int = Field(20, ge=0, description="Longest wait for a batch to fill.")
    workers: int = Field(1, ge=1, description="Calls analysed at once in one process.")
    min_face_px: int = Field(24, ge=8, description="Smaller faces are counted, not classified.")
    weights: Path | None = Field(None, description="Expression weights of your own.")
    annotate: bool = Field(
        False,
        description="Also write each recording with boxes, names and engagement, where recordings "
        "are kept.",
    )


class Settings(BaseSettings):
    """All settings. `Settings()` reads the environment and `.env`; nothing else does."""

    model_config = SettingsConfigDict(
        env_prefix="RAPPORT_",
        env_nested_delimiter="__",
        env_file=".env",
        # A template's `NAME=` means "not set up"; an empty secret would sign what anybody can sign.
        env_ignore_empty=True,
        extra="ignore",
    )

    data_dir: Path = Field(Path("var"), description="Everything Rapport writes stands below it.")
    database_url: str | None = Field(
        None, description="postgresql://… ; by default a SQLite file in the data folder."
    )
    migrate: bool = Field(True, description="Bring the database schema up to date at start.")
    host: str = Field("127.0.0.1", description="Address the service listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port the service listens on.")
    public_url: str | None = Field(
        None, description="How Slack users reach this service; without it no buttons."
    )
    link_days: int = Field(30, ge=1, description="How long links in Slack messages work.")
    link_secret: SecretStr | None = Field(
        None, description="Signs links; by default made once and kept in the data folder."
    )
    executor_id: str | None = Field(
        None, description="Stable name of this process; by default its data folder's."
    )
    takeover_s: int = Field(
        300, ge=2, description="A process silent for so long is taken for dead; its calls move on."
    )
    keep_recordings: bool = Field(False, description="Keep media when a call is done.")
    report_pictures: bool = Field(
        False,
        description="Put small pictures of the moments' people into the PDF, which goes to Slack.",
    )
    retention_days: int = Field(
        0,
        ge=0,
        description="Delete calls and webhooks older than this, scores included; 0 = never.",
    )
    reconcile_hours: int = Field(
        24, ge=0, description="How often Zoom is asked for missed recordings; 0 = never."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    zoom: ZoomSettings = ZoomSettings()
    slack: SlackSettings = SlackSettings()
    calls: CallSettings = CallSettings()
    analysis: AnalysisSettings = AnalysisSettings()

    @field_validator("log_level")
    @classmethod
    def _level_exists(cls, level: str) -> str:
        if level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError(f"{level!r} is not one of DEBUG, INFO, WARNING and ERROR")
        return level.upper()

    @property
    def resolved_database_url(self) -> str:
        """The SQLAlchemy URL: the one given (with the psycopg driver), or SQLite in `data_dir`."""
        if self.database_url is None:
            return f"sqlite:///{(self.data_dir / 'rapport.db').resolve()}"
        for prefix in ("postgresql://", "postgres://"):
            if self.database_url.startswith(prefix):
                return "postgresql+psycopg://" + self.database_url.removeprefix(prefix)
        return self.database_url


def variable_names() -> dict[str, bool]:
    """Every variable that is read, and whether its value is written as JSON."""
    names: dict[str, bool] = {}
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for inner, part in kind.model_fields.items():
                is_json = get_origin(part.annotation) in (list, dict)
                names[f"RAPPORT_{name}__{inner}".upper()] = is_json
        else:
            names[f"RAPPORT_{name}".upper()] = False
    return names


def unreadable_settings() -> list[str]:
    """Names of the variables whose value should be JSON and is not."""
    known = variable_names()
    return [name for name, value in _given().items() if known.get(name) and not _is_json(value)]


def unknown_settings() -> list[str]:
    """Names of variables that look like settings and are none: most are misspelt."""
    groups = {name.partition("__")[0] for name in variable_names()}
    return sorted(_given().keys() - variable_names().keys() - groups)


def _given() -> dict[str, str]:
    named = {**dotenv_values(".env"), **os.environ}
    return {
        name.upper(): value or ""
        for name, value in named.items()
        if name.upper().startswith("RAPPORT_")
    }


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
