"""Each line of the log says when, in which zone, and on which call."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from io import StringIO

import pytest

from bot.monitoring.log_format import LogFormat, about_call, formatter

CALL = "e5gcluz62psttanp"


class Log:
    """A logger of its own, and what it wrote."""

    def __init__(self, kind: LogFormat) -> None:
        self._out = StringIO()
        handler = logging.StreamHandler(self._out)
        handler.setFormatter(formatter(kind))
        self.logger = logging.getLogger(f"{__name__}.{kind}")
        self.logger.handlers = [handler]
        self.logger.propagate = False
        self.logger.setLevel(logging.DEBUG)

    @property
    def text(self) -> str:
        return self._out.getvalue()


@pytest.fixture
def paris(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A computer two hours east of Greenwich."""
    monkeypatch.setenv("TZ", "XXX-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("paris")
@pytest.mark.parametrize("kind", ["text", "json"])
def test_times_carry_their_zone(kind: LogFormat) -> None:
    log = Log(kind)
    log.logger.info("Rapport is running")

    at = json.loads(log.text)["time"] if kind == "json" else log.text.split()[0]
    assert at.endswith("+02:00")
    assert at[10] == "T"


def test_a_line_without_the_calls_id_gets_it_while_the_call_is_worked_on() -> None:
    log = Log("text")
    with about_call(CALL, 2):
        log.logger.warning("Stopped after searching %d messages.", 100)
        log.logger.info("call %s run 2: notify …", CALL)
    log.logger.info("Listening")

    searching, notify, listening = log.text.splitlines()
    assert searching.endswith(f" WARNING [call {CALL} run 2] Stopped after searching 100 messages.")
    assert notify.endswith(f" INFO call {CALL} run 2: notify …")
    assert listening.endswith(" INFO Listening")


def test_json_has_the_call_as_a_field_of_its_own() -> None:
    log = Log("json")
    with about_call(CALL, 2):
        log.logger.info("side files: “Ünal”\nsecond line")
    log.logger.info("call %s run 3: fetch …", CALL)
    log.logger.info("the call is over")

    first, second, third = map(json.loads, log.text.splitlines())
    assert (first["call"], first["run"], first["level"]) == (CALL, 2, "INFO")
    assert first["message"] == "side files: “Ünal”\nsecond line"
    assert (second["call"], second["run"]) == (CALL, 3)
    assert "call" not in third


@pytest.mark.parametrize("kind", ["text", "json"])
def test_an_error_keeps_its_traceback(kind: LogFormat) -> None:
    log = Log(kind)
    try:
        raise ValueError("odd")
    except ValueError:
        log.logger.error("failed", exc_info=sys.exc_info())

    text = json.loads(log.text)["error"] if kind == "json" else log.text
    assert "Traceback" in text
    assert text.rstrip().endswith("ValueError: odd")
