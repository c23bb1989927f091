"""The commands about networks and names: `rapport train`, `rapport evaluate`, `rapport models`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.terminal import err, fail, out, read_settings

train_app = typer.Typer(help="Train a network on your own data.", no_args_is_help=True)
evaluate_app = typer.Typer(help="Measure a network or the names.", no_args_is_help=True)


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
    device: Annotated[str, typer.Option(help='"auto", "cpu", "cuda" or "mps".')] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="Use torch.compile (GPU).")] = False,
    version: Annotated[str, typer.Option(help="Stands in the weights' name.")] = "1",
    license_: Annotated[
        str, typer.Option("--license", help="Terms of the weights, told by `rapport models`.")
    ] = "not stated by the trainer",
) -> None:
    """Train the expression network. A run that was stopped goes on where it was."""
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
            raise fail("Give --images and --labels, or --data.")
    except (InferenceError, OSError) as exc:
        raise fail(str(exc)) from exc
    skipped = result.pop("skipped", 0)
    if skipped:
        err.print(f"{skipped} skipped: labelled with none of the seven expressions.")
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        out.print(shown)


def models(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON array and nothing else.")
    ] = False,
) -> None:
    """List the weights: name, size, terms, accuracy and checksum; the last one is in use."""
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
