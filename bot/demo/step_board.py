"""Shows the demo's steps: bars on a terminal, a line per step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text


class _SecondsColumn(ProgressColumn):
    """How long a step has taken; empty before it begins."""

    def render(self, task: Task) -> Text:
        took_s = task.finished_time if task.finished else task.elapsed
        return Text("" if took_s is None else f"{took_s:5.1f} s")


class StepBoard:
    """The steps in order; a context manager. Steps that have begun are drawn with a bar."""

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.fields[sign]} {task.description:<10}"),
            BarColumn(24),
            _SecondsColumn(),
            TextColumn("[dim]{task.fields[detail]}[/dim]"),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {
            name: self._progress.add_task(name, start=False, total=1.0, sign=" ", detail="")
            for name in names
        }
        self._started_at: dict[str, float] = {}
        self._finished: set[str] = set()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def start(self, name: str, detail: str = "") -> None:
        """Mark a step as begun and show what it does; a repeated call only changes the detail."""
        if name in self._finished:
            return
        if name not in self._started_at:
            self._started_at[name] = time.monotonic()
            self._progress.start_task(self._tasks[name])
        self._progress.update(self._tasks[name], sign="[cyan]•[/cyan]", detail=detail)

    def update(self, name: str, share: float) -> None:
        """Show how far a step is, 0–1."""
        if name not in self._finished:
            self._progress.update(self._tasks[name], completed=share)

    def finish(self, name: str, detail: str = "") -> None:
        """Mark a step as done; a repeated call changes nothing."""
        if name in self._finished:
            return
        self.start(name, detail)
        self._finished.add(name)
        self._progress.update(self._tasks[name], completed=1.0, sign="[green]✓[/green]")
        if not self._console.is_terminal:
            took_s = time.monotonic() - self._started_at[name]
            self._console.print(Text(f"✓ {name:<10} {took_s:5.1f} s  {detail}".rstrip()))
