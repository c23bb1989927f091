"""The commands for networks and names: `rapport train`, `rapport evaluate`, `rapport models`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.terminal import err, fail, out, read_settings

train_app = typer.Typer(help="Train a network on your own data.", no_args_is_help=True)
evaluate_app = typer.Typer(
    help="Measure a network, or how well faces are named.", no_args_is_help=True
)


@train_app.command("expression")
def train_expression_command(
    data: Annotated[
        Path, typer.Option(help="FER2013 grids, a fer2013.csv, or one folder per expression.")
    ],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for weights and model card.")],
    architecture: Annotated[
        str,
        typer.Option(
            help="residual, compact, teacher, original, modern, regularized, transfer or resnet50."
        ),
    ] = "residual",
    start_from: Annotated[
        Path | None,
        typer.Option(help="Weights (safetensors) to start from, where their shapes match."),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="Weights of a teacher to also learn from; can be repeated."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the data.")] = 50,
    batch: Annotated[int, typer.Option(min=2, help="Faces per step.")] = 128,
    learning_rate: Annotated[
        float, typer.Option(help="Peak learning rate, for a batch of 128.")
    ] = 0.1,
    mix: Annotated[float, typer.Option(help="Share of faces mixed with others, 0–1.")] = 0.3,
    part: Annotated[float, typer.Option(help="Share of the training faces to use, 0–1.")] = 1.0,
    device: Annotated[str, typer.Option(help='"auto", "cpu", "cuda" or "mps".')] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="Use torch.compile (GPU).")] = False,
    version: Annotated[str, typer.Option(help="Version that goes into the weights' name.")] = "1",
    license_: Annotated[
        str, typer.Option("--license", help="License of the weights, shown by `rapport models`.")
    ] = "not stated by the trainer",
) -> None:
    """Train the expression network. A run that was stopped resumes where it left off."""
    from bot.cli.networks.expression import train
    from inference.errors import InferenceError
    from inference.expression.training.augment import AugmentOptions
    from inference.expression.training.recipe import TrainOptions

    try:
        options = TrainOptions(
            data=data, out=out_dir, architecture=architecture, start_from=start_from,
            epochs=epochs, batch=batch, learning_rate=learning_rate, part=part, device=device,
            threads=threads, compiled=compiled, version=version, license=license_,
            augment=AugmentOptions(mix=mix), teachers=tuple(teacher or ()),
        )  # fmt: skip
        weights = train(options, err)
    except (InferenceError, ValueError, OSError) as exc:
        raise fail(str(exc)) from exc
    except KeyboardInterrupt:
        err.print("Stopped; run the same command to resume.")
        raise typer.Exit(130) from None
    out.print(f"Weights: {weights}")


@evaluate_app.command("expression")
def evaluate_expression_command(
    images: Annotated[Path | None, typer.Option(help="Folder with face crops.")] = None,
    labels: Annotated[Path | None, typer.Option(help="CSV with the columns file,emotion.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Data as for training, with its splits, instead of --images and --labels."
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Which split of --data to measure.")] = "private_test",
    curves: Annotated[
        bool,
        typer.Option(
            "--curves", help="Also measure over face size and JPEG quality (with --data)."
        ),
    ] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Folder for SVG charts of confusion and curves (with --data)."),
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Your own weights.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Measure the expression network: accuracy, F1, calibration and confusion, with intervals."""
    from bot.cli.networks import expression
    from inference.errors import InferenceError

    try:
        if data is not None:
            rows, points = expression.evaluate_split(
                data, split, weights, curves=curves, pictures=pictures
            )
            result, shown = (
                expression.split_as_json(rows, points),
                expression.split_tables(rows, points),
            )
        elif images is not None and labels is not None:
            found = expression.evaluate_crops(images, labels, weights)
            result, shown = found.to_json(), expression.crops_tables(found)
        else:
            raise fail("Use either --images and --labels, or --data.")
    except (InferenceError, OSError) as exc:
        raise fail(str(exc)) from exc
    skipped = result.pop("skipped", 0)
    if skipped:
        err.print(f"{skipped} skipped: their label is not one of the seven expressions.")
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        out.print(shown)


def models(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON array and nothing else.")
    ] = False,
) -> None:
    """List the weights: name, size, licenses, accuracy and checksum; the last one is in use."""
    from bot.cli.networks import expression
    from inference.errors import InferenceError

    try:
        files = expression.list_weights(read_settings().analysis.weights)
    except InferenceError as exc:
        raise fail(str(exc)) from exc
    if as_json:
        sys.stdout.write(json.dumps(expression.weights_as_json(files)) + "\n")
    else:
        out.print(expression.weights_tables(files))


@evaluate_app.command("attribution")
def evaluate_attribution_command(
    truth: Annotated[Path, typer.Option(help="Who is where in the recording (JSON).")],
    result: Annotated[Path, typer.Option(help="The output of `rapport analyze --json --faces`.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Measure naming: face-seconds right, wrong and unknown, track swaps, layout and labels.

    A face belongs to the true tile that contains its centre, in the nearest sample.

    The truth within 0.6 s of a change is left out. A name must match letter for letter.

    A face in no tile is not a participant: naming it is wrong.
    """
    from bot.cli.networks.name_evaluation import evaluate_files, print_evaluation
    from inference.errors import InferenceError

    try:
        found = evaluate_files(truth, result)
    except InferenceError as exc:
        raise fail(str(exc)) from exc
    if as_json:
        sys.stdout.write(json.dumps(found.to_json()) + "\n")
    else:
        print_evaluation(found, out)
