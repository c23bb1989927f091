"""The commands that run the service and check its setup."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.cli.terminal import out, read_settings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
) -> None:
    """Run the API, the webhook, the worker and the schedules in one process."""
    from bot.service.run import run_service

    settings = read_settings()
    changes = {k: v for k, v in {"host": host, "port": port}.items() if v is not None}
    raise typer.Exit(run_service(settings.model_copy(update=changes), with_api=True))


def worker() -> None:
    """Run only a worker: it takes calls from the queue and serves no requests."""
    from bot.service.run import run_service

    raise typer.Exit(run_service(read_settings(), with_api=False))


def check() -> None:
    """Check the setup, and list what is configured and what is missing."""
    from bot.cli.service.check import run_checks

    raise typer.Exit(run_checks(read_settings(allow_slips=True), out))
