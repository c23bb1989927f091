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


def read_settings() -> Settings:
    """Return the settings; print the names of any that are wrong and exit with status 2."""
    from pydantic_settings import SettingsError

    from bot.settings import Settings, unreadable_settings

    try:
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
