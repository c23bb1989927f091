"""What names a run of a call."""

from __future__ import annotations

import pytest

from bot.api.control import call_and_run


def test_a_run_is_named_by_its_call_and_number() -> None:
    assert call_and_run("k3v7qzv2m4x5ab6c.12") == ("k3v7qzv2m4x5ab6c", 12)


@pytest.mark.parametrize(
    "text", ["", "x", "x.", ".1", "x.0", "x.-1", "x.1.", "x.one", "x.\u00b2", "x." + "9" * 5000]
)
def test_what_names_no_run_is_refused(text: str) -> None:
    assert call_and_run(text) is None
