"""All of Rapport's settings, read from `RAPPORT_…` variables and `.env`.

Nested fields are joined by two underscores: `RAPPORT_ZOOM__CLIENT_ID`. A secret that is None is not
set up; `rapport check` reports it and says what to do. Built once in `__main__`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, get_origin
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from rapidfuzz.distance import OSA

from inference.video.opening import MAX_PICTURE_PIXELS
from inference.video.sampling import check_samples_per_s

LEAST_SECRET_LENGTH = 16
"""Characters of the secret that signs links: fewer could be found by trying."""

HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.?|[0-9a-f:.]*:[0-9a-f:.]*")
"""A name or an IPv4 address, or an IPv6 address without its brackets."""

Profile = Literal["sales", "classic", "classroom", "product_demo", "seminar", "general"]


class ZoomSettings(BaseModel):
    """The Zoom app (server-to-server OAuth) and its webhook."""

    account_id: str | None = Field(None, description="Account ID of the server-to-server app.")
    client_id: str | None = Field(None, description="Client ID of the server-to-server app.")
    client_secret: SecretStr | None = Field(None, description="Client secret of that app.")
    webhook_secret: SecretStr | None = Field(
        None, description="Secret Token of the app's event subscription, which signs every webhook."
    )
    api_url: str = Field("https://api.zoom.us/v2", description="Base URL of Zoom's REST API.")
    oauth_url: str = Field("https://zoom.us", description="Base URL of Zoom's OAuth endpoint.")
    download_hosts: list[str] = Field(
        ["zoom.us", "zoom.com", "zoomgov.com"],
        description="Hosts that recordings may come from, subdomains included, over https on port "
        "443.",
    )
    insecure_hosts: list[str] = Field(
        [],
        description="host:port pairs that may use plain http; for the demo's stand-ins only.",
    )
    refuse_after_s: int = Field(
        7 * 24 * 3600,
        ge=300,
        description="Webhooks with a timestamp older than this are refused, however well signed.",
    )
    stale_after_s: int = Field(
        300, ge=0, description="Webhooks with a timestamp older than this are flagged as late."
    )
    disk_reserve_bytes: int = Field(
        1_000_000_000, ge=0, description="Free disk space that downloads must leave."
    )


class SlackSettings(BaseModel):
    """Where summaries are posted. Without a token they are written to `<data_dir>/outbox`."""

    token: SecretStr | None = Field(None, description="Bot token (xoxb-…).")
    channel: str | None = Field(
        None, description="ID of the channel that summaries are posted to by default."
    )
    channel_by_host: dict[str, str] = Field(
        {}, description="Channel IDs by host e-mail, for hosts who do not use the default; as JSON."
    )
    ops_channel: str | None = Field(
        None,
        description="ID of the channel for failures, at most one line an hour of each kind; if "
        "unset, they go where the call's summary would.",
    )
    api_url: str = Field("https://slack.com/api/", description="Base URL of Slack's Web API.")


class CallSettings(BaseModel):
    """Which calls are analysed."""

    hosts: list[str] = Field(
        [], description="Host e-mails or domains to analyse; empty = all; as JSON."
    )
    topics: list[str] = Field(
        [],
        description="Regular expressions, one of which must match the topic; empty = all; as JSON.",
    )
    exclude_topics: list[str] = Field(
        ["(?i)\\binterview"],
        description="Regular expressions; calls whose topic matches one are skipped; as JSON.",
    )
    min_duration_s: int = Field(60, ge=0, description="Shorter recordings are skipped.")
    own_domains: list[str] = Field(
        [],
        description="E-mail domains of your own side, subdomains included; empty = the host's "
        "domain; as JSON.",
    )
    include_internal: bool = Field(
        False, description="Also analyse calls in which only your own side took part."
    )
    score_own_side: bool = Field(
        True,
        description="Score the expressions of your own side. Turn off for employees in the EU.",
    )
    transcript_wait_s: int = Field(
        900, ge=0, description="How long the report waits for a transcript; 0 = no wait."
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
    """How recordings are analysed and scored."""

    samples_per_s: Annotated[float, AfterValidator(check_samples_per_s)] = Field(
        2.0, description="Video frames analysed per second."
    )
    profile: Profile = Field("sales", description="Scoring profile (docs/scoring.md).")
    fillers: list[str] = Field(
        [],
        description="Words that count as fillers besides um, uh, er and erm, such as those of "
        'other languages: ["äh", "ähm"]; as JSON.',
    )
    device: str = Field("auto", description='"auto", "cpu", "cuda", or on a Mac "mps".')
    decode_device: str = Field(
        "cpu",
        pattern=r"^(cpu|cuda(:\d+)?)$",
        description='"cpu", or "cuda" to decode on the GPU (NVDEC), falling back to the CPU.',
    )
    max_picture_pixels: int = Field(
        MAX_PICTURE_PIXELS,
        ge=1,
        description="Recordings with a picture of more pixels (width × height) are refused; the "
        "default is 8K, 7680 × 4320.",
    )
    faces: Literal["litert", "mediapipe"] = Field(
        "litert",
        description='Runtime of the face models: "litert", or "mediapipe" if it is installed.',
    )
    batch_size: int = Field(64, ge=1, le=4096, description="Maximum number of faces per batch.")
    batch_wait_ms: int = Field(20, ge=0, description="Maximum wait for a batch to fill.")
    workers: int = Field(1, ge=1, description="Calls analysed at the same time by one process.")
    max_memory_mb: int = Field(
        4096,
        ge=0,
        description="Memory (MiB) that the analysis of one call may take; a call that needs more "
        "fails. 0 = any.",
    )
    min_face_px: int = Field(24, ge=8, description="Smaller faces are counted, not classified.")
    weights: Path | None = Field(None, description="Path to your own expression weights.")
    annotate: bool = Field(
        False,
        description="Also write a copy of each recording with boxes, names and engagement; needs "
        "RAPPORT_KEEP_RECORDINGS.",
    )
    annotate_boxes: bool = Field(
        True, description="Draw a box around each face in that copy; names are there anyway."
    )

    @field_validator("fillers")
    @classmethod
    def _fillers_are_words(cls, fillers: list[str]) -> list[str]:
        for filler in fillers:
            if len(filler.split()) != 1 or not any(sign.isalnum() for sign in filler):
                raise ValueError(f"{filler!r} is not one word")
        return [filler.strip() for filler in fillers]


class Settings(BaseSettings):
    """All settings. `Settings()` reads the environment and `.env`; nothing else does."""

    model_config = SettingsConfigDict(
        env_prefix="RAPPORT_",
        env_nested_delimiter="__",
        env_file=".env",
        # A template's `NAME=` means "not set up"; anybody could sign with an empty secret.
        env_ignore_empty=True,
        extra="ignore",
    )

    data_dir: Path = Field(
        Path("var"), description="Everything Rapport writes goes below this folder."
    )
    database_url: str | None = Field(
        None, description="postgresql://…; by default a SQLite file in the data folder."
    )
    migrate: bool = Field(True, description="Upgrade the database schema at startup.")
    host: str = Field("127.0.0.1", description="Address the service listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port the service listens on.")
    trusted_proxies: list[str] = Field(
        ["127.0.0.1", "::1"],
        description="Addresses or networks of your reverse proxies, whose X-Forwarded-For says who "
        "the client is; as JSON.",
    )
    public_url: str | None = Field(
        None,
        description="This service's URL for Slack users; if unset, messages have no buttons.",
    )
    link_days: int = Field(30, ge=1, description="How many days links in Slack messages work.")
    link_secret: SecretStr | None = Field(
        None, description="Signs links; by default made once and kept in the data folder."
    )
    executor_id: str | None = Field(
        None,
        max_length=60,
        description="Stable name of this process; by default made from its data folder's.",
    )
    takeover_s: int = Field(
        60,
        ge=2,
        description="Seconds without a heartbeat before another process takes over its calls.",
    )
    keep_recordings: bool = Field(False, description="Keep recordings after a call is done.")
    failed_media_days: int = Field(
        7,
        ge=0,
        description="Delete the recordings of failed calls after this many days; 0 = never.",
    )
    report_pictures: bool = Field(
        False,
        description="Put small pictures of each moment's people into the PDF, which goes to Slack.",
    )
    retention_days: int = Field(
        0,
        ge=0,
        description="Delete calls (scores included) and webhooks after this many days; 0 = never.",
    )
    reconcile_hours: int = Field(
        24, ge=0, description="Hours between checks with Zoom for missed recordings; 0 = never."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    metrics_key: SecretStr | None = Field(
        None,
        description="Key for /metrics, sent as a Bearer token by Prometheus; if unset, there is no "
        "/metrics.",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description='"text", or "json" for one JSON object per line.'
    )
    zoom: ZoomSettings = ZoomSettings()
    slack: SlackSettings = SlackSettings()
    calls: CallSettings = CallSettings()
    analysis: AnalysisSettings = AnalysisSettings()

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, proxies: list[str]) -> list[str]:
        for proxy in proxies:
            try:
                ip_network(proxy)
            except ValueError as exc:
                raise ValueError(
                    f"{proxy!r} is neither an address nor a network such as 10.0.0.0/8"
                ) from exc
        return proxies

    @field_validator("link_secret")
    @classmethod
    def _secret_is_long(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().strip()) < LEAST_SECRET_LENGTH:
            raise ValueError(
                f"it needs at least {LEAST_SECRET_LENGTH} characters, because whoever guesses it "
                "can open every call; `openssl rand -hex 32` makes one"
            )
        return secret

    @field_validator("metrics_key")
    @classmethod
    def _key_is_long(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value().strip()) < LEAST_SECRET_LENGTH:
            raise ValueError(
                f"it needs at least {LEAST_SECRET_LENGTH} characters; `openssl rand -hex 32` makes "
                "one"
            )
        return key

    @field_validator("public_url")
    @classmethod
    def _url_is_complete(cls, url: str | None) -> str | None:
        if url is not None and not _is_base_url(url):
            raise ValueError(
                f"{url!r} is not the address of a service: write https:// and the host, such as "
                "https://rapport.example.com"
            )
        return url

    @field_validator("log_level")
    @classmethod
    def _level_exists(cls, level: str) -> str:
        if level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError(f"{level!r} is not one of DEBUG, INFO, WARNING and ERROR")
        return level.upper()

    @property
    def resolved_database_url(self) -> str:
        """The SQLAlchemy URL: `database_url` (with the psycopg driver), or SQLite in `data_dir`."""
        if self.database_url is None:
            return f"sqlite:///{(self.data_dir / 'rapport.db').resolve()}"
        for prefix in ("postgresql://", "postgres://"):
            if self.database_url.startswith(prefix):
                return "postgresql+psycopg://" + self.database_url.removeprefix(prefix)
        return self.database_url


def variable_names() -> dict[str, bool]:
    """Return the name of every variable that is read, and whether its value is JSON."""
    names: dict[str, bool] = {}
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for inner, part in kind.model_fields.items():
                is_json = get_origin(part.annotation) in (list, dict)
                names[f"RAPPORT_{name}__{inner}".upper()] = is_json
        else:
            names[f"RAPPORT_{name}".upper()] = get_origin(kind) in (list, dict)
    return names


def unreadable_settings() -> list[str]:
    """Return the names of the variables whose value should be JSON but is not."""
    known = variable_names()
    return [name for name, value in _given().items() if known.get(name) and not _is_json(value)]


def unknown_settings() -> dict[str, str | None]:
    """Return the variables that look like settings but are not, each with the one it nearly names.

    None stands for a variable that is like none of ours and may belong to something else.
    """
    known = variable_names()
    groups = {name.partition("__")[0] for name in known}
    return {name: _nearest(name, known) for name in sorted(_given().keys() - known.keys() - groups)}


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the setting that a name is a slip of: letters mixed up, or its group left out."""
    written = _letters(name)
    # One letter changes a short word into another: HOME is not a slip of HOST.
    most = min(len(written) // 5, 3)
    slips = {setting: OSA.distance(written, _letters(setting)) for setting in known}
    nearest = min(slips, key=lambda setting: slips[setting])
    if slips[nearest] <= max(most, 1):
        return nearest
    grouped = (setting for setting in known if "__" in setting)
    return next((s for s in grouped if written == _letters(s.partition("__")[2])), None)


def _letters(name: str) -> str:
    return name.removeprefix("RAPPORT_").replace("_", "")


def _is_base_url(url: str) -> bool:
    """Return whether links can be made by adding a path to an address."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # the port may be no number
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and HOST.fullmatch(host or "") is not None
        and not (parts.query or parts.fragment or parts.username or parts.password)
        and re.search(r"[\s<>\"\\]", url) is None
    )


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
