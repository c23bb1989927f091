"""The commands of `rapport`. Each one builds its settings once and passes them down.

Imports stand inside the commands: `rapport --help` must not wait for PyTorch.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from bot.settings import Settings

app = typer.Typer(
    name="rapport",
    help="Turns Zoom sales calls into evidence a manager can act on, on your own machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
inbox_app = typer.Typer(help="Webhooks as they arrived.", no_args_is_help=True)
keys_app = typer.Typer(help="Keys for the REST API.", no_args_is_help=True)
db_app = typer.Typer(help="The database schema.", no_args_is_help=True)
train_app = typer.Typer(help="Train a network on your own data.", no_args_is_help=True)
evaluate_app = typer.Typer(help="Measure against a known truth.", no_args_is_help=True)
app.add_typer(inbox_app, name="inbox")
app.add_typer(keys_app, name="keys")
app.add_typer(db_app, name="db")
app.add_typer(train_app, name="train")
app.add_typer(evaluate_app, name="evaluate")

out = Console()
err = Console(stderr=True)


def _settings() -> Settings:
    from pydantic_settings import SettingsError

    from bot.settings import Settings, unreadable_settings

    try:
        return Settings()
    except ValidationError as exc:
        for problem in exc.errors():
            name = "RAPPORT_" + "__".join(str(part).upper() for part in problem["loc"])
            _say(name, problem["msg"])
        raise typer.Exit(2) from exc
    except SettingsError as exc:
        for name in unreadable_settings() or ["A setting"]:
            _say(name, 'is not JSON: write ["one", "two"] or {"key": "value"}')
        raise typer.Exit(2) from exc
    except (OSError, UnicodeDecodeError) as exc:
        _say(".env", f"cannot be read: {exc}")
        raise typer.Exit(2) from exc


def _say(name: str, problem: str) -> None:
    # Texts of others are never markup: a name may be "[red]".
    err.print(Text.assemble((name, "red"), ": ", problem), soft_wrap=True)


def _fail(message: str) -> typer.Exit:
    _say("Error", message)
    return typer.Exit(1)


@contextmanager
def _database() -> Iterator[Engine]:
    """The database of the settings; what it refuses ends the command with one sentence."""
    from bot.service import open_database
    from storage.errors import StorageError

    settings = _settings()
    try:
        with open_database(settings) as engine:
            yield engine
    except StorageError as exc:
        raise _fail(str(exc)) from exc
    except OSError as exc:
        raise _fail(
            f"{settings.data_dir} cannot be used ({exc.strerror}): set RAPPORT_DATA_DIR."
        ) from exc


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
) -> None:
    """Run the API, the webhook, the worker and the schedules in one process."""
    from bot.service import run_service

    settings = _settings()
    changes = {k: v for k, v in {"host": host, "port": port}.items() if v is not None}
    raise typer.Exit(run_service(settings.model_copy(update=changes), with_api=True))


@app.command()
def worker() -> None:
    """Run a worker alone: it takes calls from the queue, and answers no requests."""
    from bot.service import run_service

    raise typer.Exit(run_service(_settings(), with_api=False))


@app.command()
def demo(
    recording: Annotated[
        Path | None, typer.Option(help="A recording of your own, instead of the made one.")
    ] = None,
    timeline: Annotated[Path | None, typer.Option(help="Its Zoom TIMELINE (JSON).")] = None,
    transcript: Annotated[Path | None, typer.Option(help="Its transcript (VTT).")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep everything in this folder (default: a new one).")
    ] = None,
    exit_: Annotated[
        bool, typer.Option("--exit", help="End when the report is there, also on a terminal.")
    ] = False,
) -> None:
    """Put a call through the whole way, against stand-ins for Zoom and Slack on this machine."""
    from bot.demo.run import run_demo

    keep_serving = sys.stdout.isatty() and not exit_
    raise typer.Exit(
        run_demo(
            recording=recording,
            timeline=timeline,
            transcript=transcript,
            data_dir=data_dir,
            keep_serving=keep_serving,
            console=out,
        )
    )


@app.command()
def analyze(
    file: Annotated[Path, typer.Argument(help="The recording (MP4, MOV, MKV, …).")],
    timeline: Annotated[Path | None, typer.Option(help="Zoom TIMELINE (JSON).")] = None,
    transcript: Annotated[Path | None, typer.Option(help="Transcript (VTT).")] = None,
    chat: Annotated[Path | None, typer.Option(help="Zoom CHAT (TXT).")] = None,
    participants: Annotated[
        Path | None,
        typer.Option(help="Who was there (JSON), as Zoom's past_meetings/…/participants tells."),
    ] = None,
    participant_audio: Annotated[
        Path | None,
        typer.Option(help='Folder with each person\'s own sound: "NAME.m4a", or as Zoom names it.'),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When the recording began (2026-09-10T13:00:05Z), for join and leave times.",
        ),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Scoring profile.")] = None,
    out_dir: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for JSON and PDF (default: beside FILE)."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    faces: Annotated[
        bool, typer.Option("--faces", help="Add every face, view and label to the JSON.")
    ] = False,
) -> None:
    """Analyse one recording without a database: prints a table, writes JSON and PDF."""
    from bot.analyze import analyze_file
    from bot.by_hand import SideFiles
    from integrations.zoom.text import moment

    start_at = moment(start)
    if start and start_at is None:
        raise _fail(f"--start {start} is no time; write it as 2026-09-10T13:00:05Z.")
    raise typer.Exit(
        analyze_file(
            file,
            SideFiles(timeline, transcript, chat, participants, participant_audio, start_at),
            profile=profile,
            out_dir=out_dir,
            as_json=as_json,
            with_faces=faces,
            settings=_settings(),
        )
    )


@app.command()
def check() -> None:
    """Say line by line what is set up and what is missing."""
    from bot.check import run_checks

    raise typer.Exit(run_checks(_settings(), out))


@inbox_app.command("list")
def inbox_list(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 20,
) -> None:
    """Show the latest webhooks and what became of them."""
    from storage import inbox
    from storage.engine import reading

    with _database() as engine, reading(engine) as session:
        rows = inbox.recent(session, limit)
    if not rows:
        out.print("No webhook has come yet.")
        return
    table = Table("id", "received (UTC)", "event", "outcome", "call", box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(
            str(row.id),
            f"{row.received_at:%Y-%m-%d %H:%M:%S}",
            Text(row.event),
            Text(f"{row.outcome} (late)" if row.is_stale else row.outcome),
            Text(row.call_id or ""),
        )
    out.print(table)


@inbox_app.command("replay")
def inbox_replay(id_: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """Handle a stored webhook once more; the running service starts it within a few seconds."""
    from storage import inbox
    from storage.engine import transaction
    from storage.errors import Missing

    with _database() as engine:
        try:
            with transaction(engine) as session:
                if inbox.get(session, id_).outcome == "deleted":
                    raise _fail(f"Webhook {id_} was emptied when its call was deleted.")
                inbox.mark(session, id_, inbox.PENDING)
        except Missing as exc:
            raise _fail(f"There is no webhook {id_}; see `rapport inbox list`.") from exc
    out.print(f"Webhook {id_} will be handled again by the running service.")


@keys_app.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="Who or what will use the key.")],
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the key alone.")] = False,
) -> None:
    """Make a key for the REST API. It is shown once and stored hashed."""
    from storage import keys
    from storage.engine import transaction
    from storage.errors import Duplicate

    if not name.strip():
        raise _fail("A key needs a name: who or what will use it.")
    with _database() as engine:
        try:
            with transaction(engine) as session:
                token = keys.create(session, name.strip())
        except Duplicate as exc:
            raise _fail(f"There is a key named {name!r} already; revoke it first.") from exc
    if quiet:
        sys.stdout.write(token + "\n")
    else:
        out.print(Text(token), soft_wrap=True)
        use = f"Shown once. Use it as: Authorization: Bearer {token}"
        out.print(Text(use, style="dim"), soft_wrap=True)


@keys_app.command("list")
def keys_list() -> None:
    """Show the names of the keys and when they were made."""
    from storage import keys
    from storage.engine import reading

    with _database() as engine, reading(engine) as session:
        rows = keys.list(session)
    if not rows:
        out.print("There is no key yet; make one with `rapport keys add NAME`.")
        return
    table = Table("name", "made (UTC)", box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(Text(row.name), f"{row.created_at:%Y-%m-%d %H:%M}")
    out.print(table)


@keys_app.command("revoke")
def keys_revoke(name: Annotated[str, typer.Argument(help="As `rapport keys list` says.")]) -> None:
    """Make a key useless from now on."""
    from storage import keys
    from storage.engine import transaction
    from storage.errors import Missing

    with _database() as engine:
        try:
            with transaction(engine) as session:
                keys.revoke(session, name)
        except Missing as exc:
            raise _fail(f"There is no key named {name!r}; see `rapport keys list`.") from exc
    out.print(Text(f"The key {name!r} no longer works."))


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Bring the schema up to date (the service does so at start unless RAPPORT_MIGRATE=false)."""
    from storage.errors import StorageError
    from storage.migrate import upgrade

    settings = _settings()
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        upgrade(settings.resolved_database_url)
    except (StorageError, OSError) as exc:
        raise _fail(str(exc)) from exc
    out.print("The database is up to date.")


@db_app.command("status")
def db_status() -> None:
    """Say whether the schema is up to date."""
    from storage.errors import StorageError
    from storage.migrate import is_current

    try:
        is_up_to_date = is_current(_settings().resolved_database_url)
    except StorageError as exc:
        raise _fail(str(exc)) from exc
    if not is_up_to_date:
        raise _fail("The database schema is missing or old. Run `rapport db upgrade`.")
    out.print("The database is up to date.")


@train_app.command("expression")
def train_expression_command(
    data: Annotated[
        Path, typer.Option(help="FER2013 grids, a fer2013.csv, or a folder per expression.")
    ],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for weights and model card.")],
    architecture: Annotated[
        str,
        typer.Option(
            help="residual, compact, teacher, original, modern, regularized, transfer or resnet50."
        ),
    ] = "residual",
    start_from: Annotated[
        Path | None, typer.Option(help="Weights (safetensors) to begin with, where they fit.")
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="Weights to learn from as well; may be given several times."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Times through the data.")] = 50,
    batch: Annotated[int, typer.Option(min=2, help="Faces per step.")] = 128,
    learning_rate: Annotated[float, typer.Option(help="Peak, for a batch of 128.")] = 0.1,
    mix: Annotated[float, typer.Option(help="Share of faces mixed with others, 0–1.")] = 0.3,
    part: Annotated[float, typer.Option(help="Share of the training faces used, 0–1.")] = 1.0,
    device: Annotated[str, typer.Option(help='"auto", "cpu" or "cuda".')] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="Use torch.compile (GPU).")] = False,
    version: Annotated[str, typer.Option(help="Stands in the weights' name.")] = "1",
    license_: Annotated[
        str, typer.Option("--license", help="Terms of the weights, told by `rapport models`.")
    ] = "not stated by the trainer",
) -> None:
    """Train the expression network. A run that was stopped goes on where it was."""
    from bot.networks import train
    from inference.errors import InferenceError
    from inference.expression.augment import AugmentOptions
    from inference.expression.recipe import TrainOptions

    try:
        options = TrainOptions(
            data=data, out=out_dir, architecture=architecture, start_from=start_from,
            epochs=epochs, batch=batch, learning_rate=learning_rate, part=part, device=device,
            threads=threads, compiled=compiled, version=version, license=license_,
            augment=AugmentOptions(mix=mix), teachers=tuple(teacher or ()),
        )  # fmt: skip
        weights = train(options, err)
    except (InferenceError, ValueError, OSError) as exc:
        raise _fail(str(exc)) from exc
    except KeyboardInterrupt:
        err.print("Stopped; the same command goes on where it was.")
        raise typer.Exit(130) from None
    out.print(f"Weights: {weights}")


@evaluate_app.command("expression")
def evaluate_expression_command(
    images: Annotated[Path | None, typer.Option(help="Folder with face crops.")] = None,
    labels: Annotated[Path | None, typer.Option(help="CSV with the columns file,emotion.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Instead: data as for training, with its splits.")
    ] = None,
    split: Annotated[str, typer.Option(help="Which split of --data.")] = "private_test",
    curves: Annotated[
        bool, typer.Option("--curves", help="Also over face size and JPEG quality (with --data).")
    ] = False,
    pictures: Annotated[
        Path | None, typer.Option(help="Folder for confusion and curves as SVG (with --data).")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights of your own.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Accuracy, F1, calibration and confusion of the expression network, with intervals."""
    from bot import networks
    from inference.errors import InferenceError

    try:
        if data is not None:
            rows, points = networks.evaluate_split(
                data, split, weights, curves=curves, pictures=pictures
            )
            result, shown = (
                networks.split_as_json(rows, points),
                networks.split_tables(rows, points),
            )
        elif images is not None and labels is not None:
            found = networks.evaluate_crops(images, labels, weights)
            result, shown = found.to_json(), networks.crops_tables(found)
        else:
            raise _fail("Give --images and --labels, or --data.")
    except (InferenceError, OSError) as exc:
        raise _fail(str(exc)) from exc
    skipped = result.pop("skipped", 0)
    if skipped:
        err.print(f"{skipped} skipped: labelled with none of the seven expressions.")
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        out.print(shown)


@app.command()
def models(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON array and nothing else.")
    ] = False,
) -> None:
    """List the weights: name, size, terms, accuracy and checksum; the last one is in use."""
    from bot import networks
    from inference.errors import InferenceError

    try:
        files = networks.list_weights(_settings().analysis.weights)
    except InferenceError as exc:
        raise _fail(str(exc)) from exc
    if as_json:
        sys.stdout.write(json.dumps(networks.weights_as_json(files)) + "\n")
    else:
        out.print(networks.weights_tables(files))


@evaluate_app.command("attribution")
def evaluate_attribution_command(
    truth: Annotated[Path, typer.Option(help="Who is where in the recording (JSON).")],
    result: Annotated[Path, typer.Option(help="What `rapport analyze --json --faces` wrote.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """How well faces were named: face-seconds right, wrong and unknown, swaps, layout, labels.

    A face belongs to the tile of the truth that holds its middle, in the nearest sample.

    Truth within 0.6 s of a change is left out. A name is right letter for letter.

    A face in no tile is no participant: naming one is wrong.
    """
    from bot.evaluate import evaluate_files, print_evaluation
    from inference.errors import InferenceError

    try:
        found = evaluate_files(truth, result)
    except InferenceError as exc:
        raise _fail(str(exc)) from exc
    if as_json:
        sys.stdout.write(json.dumps(found.to_json(), ensure_ascii=False) + "\n")
    else:
        print_evaluation(found, out)
