"""The command: python -m benchmarks.gallery --out DIR --scenario NAME …"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks.gallery.recording import make_recording
from benchmarks.gallery.scenarios import SCENARIOS, build_scenario


def main() -> int:
    """Generate the requested recordings; return 2 for invalid arguments, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gallery",
        description="Make a Zoom-like recording with known truth.",
        epilog=f"scenarios: {', '.join(SCENARIOS)}, or all of them: all",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument(
        "--scenario",
        nargs="+",
        default=["gallery"],
        metavar="NAME",
        help="one or more; if several, each gets its own folder below --out",
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--people", type=int, help="1-49; default: depends on the scenario")
    parser.add_argument("--size", default="1280x720", metavar="WxH")
    parser.add_argument("--labels", choices=("on", "off"), help="names drawn on the tiles")
    parser.add_argument("--faces", type=Path, metavar="DIR", help="clips with one person each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fps", type=int, default=25)
    given = parser.parse_args()
    names = list(SCENARIOS) if given.scenario == ["all"] else given.scenario
    labels = None if given.labels is None else given.labels == "on"
    bar = Progress(
        TextColumn("{task.description:>18}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    try:
        size = _size(given.size)
        scenarios = [build_scenario(name, given.people, labels) for name in names]
        with bar:
            for scenario in scenarios:
                task = bar.add_task(scenario.name, total=1.0)
                make_recording(
                    given.out if len(names) == 1 else given.out / scenario.name,
                    scenario,
                    seconds=given.seconds,
                    size=size,
                    fps=given.fps,
                    seed=given.seed,
                    faces=given.faces,
                    on_progress=partial(_show, bar, task),
                )
    except (ValueError, OSError) as error:
        print(f"{error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; the unfinished recording was deleted.", file=sys.stderr)
        return 130
    return 0


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ValueError(f"Write a size like 1280x720, not {text!r}.")
    return int(width), int(height)


def _show(bar: Progress, task: TaskID, share: float) -> None:
    bar.update(task, completed=share)


if __name__ == "__main__":
    sys.exit(main())
