"""Shared by every command: two consoles, the settings, and readable errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from bot.settings import Settings

out = Console()
err = Console(stderr=True)


def read_settings(*, allow_slips: bool = False) -> Settings:
    """Return the settings; print the names of any that are wrong and exit with status 2.

    A variable that nearly has a setting's name counts as wrong, unless `allow_slips`: what it was
    meant to change would silently stay as it is.
    """
    from pydantic_settings import SettingsError

    from bot.settings import Settings, unknown_settings, unreadable_settings

    try:
        slips = {name: meant for name, meant in unknown_settings().items() if meant}
        for name, meant in slips.items() if not allow_slips else ():
            say(name, f"is not a setting; did you mean {meant}?")
        if slips and not allow_slips:
            raise typer.Exit(2)
        return Settings()
    except ValidationError as exc:
        for problem in exc.errors():
            name = "RAPPORT_" + "__".join(str(part).upper() for part in problem["loc"])
            say(name, problem["msg"].removeprefix("Value error, "))  # pydantic's own words
        raise typer.Exit(2) from exc
    except SettingsError as exc:
        for name in unreadable_settings() or ["A setting"]:
            say(name, 'is not JSON: write ["one", "two"] or {"key": "value"}')
        raise typer.Exit(2) from exc
    except (OSError, UnicodeDecodeError) as exc:
        say(".env", f"cannot be read: {exc}")
        raise typer.Exit(2) from exc


def say(name: str, problem: str) -> None:
    """Print on standard error what is wrong with something."""
    # Never parse outside text as markup: a name may be "[red]".
    err.print(Text.assemble((name, "red"), ": ", problem), soft_wrap=True)


def fail(message: str) -> typer.Exit:
    """Print an error and return the exception to raise, which exits with status 1."""
    say("Error", message)
    return typer.Exit(1)
