"""Observations as compact columns, for one compressed file per call.

A column is written as the smallest type that keeps its loss under 0.001: probabilities in steps of
1/65 534 (half a step is 0.000 008), angles in degrees and boxes in pixels in steps of 1/1024,
ratios as half floats. Times and indices are exact. NaN stays NaN.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import InferenceError
from inference.schema.arrays import EXPRESSIONS, F32, I32
from inference.schema.observations import FaceColumns, NameLabel, Observations, Quality, View

COLUMNS_VERSION = 2
"""2 added cameras and labels; files of version 1 are read as having none."""

Columns = dict[str, NDArray[Any]]

PROB_STEPS = 65_534
PROB_NAN = 65_535
GRID = 1024.0
"""Steps per degree and per pixel: a power of two, so that the last bits are zero and compress."""


def observations_to_columns(observations: Observations) -> tuple[Columns, dict[str, object]]:
    """Return the arrays of a call and the JSON-ready metadata needed to read them again."""
    faces = observations.faces
    kinds = sorted({view.kind for view in observations.views})
    views = observations.views
    places = [_places(view) for view in views]
    arrays: Columns = {
        "t_s": observations.t_s.astype(np.float64),
        "sample_step": np.diff(faces.sample, prepend=np.int32(0)).astype(np.int32),
        "track": faces.track.astype(np.int32),
        "box": _to_grid(faces.box),
        "confidence": faces.confidence.astype(np.float16),
        "probs": pack_probs(faces.probs),
        "yaw_deg": _to_grid(faces.yaw_deg),
        "pitch_deg": _to_grid(faces.pitch_deg),
        "roll_deg": _to_grid(faces.roll_deg),
        "eye_opening": faces.eye_opening.astype(np.float16),
        "mouth_opening": faces.mouth_opening.astype(np.float16),
        "view_start": np.array([view.start_sample for view in views], np.int32),
        "view_end": np.array([view.end_sample for view in views], np.int32),
        "view_kind": np.array([kinds.index(view.kind) for view in views], np.int32),
        "view_tiles": np.array([len(view.tiles) for view in views], np.int32),
        "tiles": _to_grid(
            np.concatenate([np.zeros((0, 4), np.float32), *(view.tiles for view in views)])
        ),
        "view_places": np.array([len(place) for place in places], np.int32),
        "places": np.concatenate([np.zeros((0, 2), np.int32), *places]),
        "likely_counts": np.array([len(view.likely_cameras) for view in views], np.int32),
        "likely_cameras": np.concatenate(
            [np.zeros(0, np.int32), *(view.likely_cameras for view in views)]
        ).astype(np.int32),
    }
    meta: dict[str, object] = {
        "version": COLUMNS_VERSION,
        "expressions": list(EXPRESSIONS),
        "sample_interval_s": observations.sample_interval_s,
        "duration_s": observations.duration_s,
        "width_px": observations.width_px,
        "height_px": observations.height_px,
        "model": observations.model,
        "view_kinds": kinds,
        "labels": [dataclasses.asdict(label) for label in observations.labels],
        "quality": dataclasses.asdict(observations.quality)
        | {"notes": list(observations.quality.notes)},
    }
    return arrays, meta


def observations_from_columns(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]
) -> Observations:
    """Read back what `observations_to_columns` gave; rows of probabilities sum to 1 again.

    Raises:
        InferenceError: the columns are of another version, or one is missing.
    """
    if meta.get("version") not in (1, COLUMNS_VERSION) or meta.get(
        "expressions", meta.get("labels")
    ) != list(EXPRESSIONS):
        raise InferenceError(
            f"The series were written as version {meta.get('version')}, this program reads "
            f"version {COLUMNS_VERSION}: analyse the call again."
        )
    try:
        return _read(arrays, meta)
    except KeyError as exc:
        raise InferenceError(f"The series lack the column {exc}: analyse the call again.") from exc


def _read(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> Observations:
    def floats(name: str) -> F32:
        values: F32 = arrays[name].astype(np.float32)
        return values

    faces = FaceColumns(
        sample=np.cumsum(arrays["sample_step"], dtype=np.int32),
        track=arrays["track"].astype(np.int32),
        box=floats("box"),
        confidence=floats("confidence"),
        probs=unpack_probs(arrays["probs"]),
        yaw_deg=floats("yaw_deg"),
        pitch_deg=floats("pitch_deg"),
        roll_deg=floats("roll_deg"),
        eye_opening=floats("eye_opening"),
        mouth_opening=floats("mouth_opening"),
    )
    limits = np.concatenate([[0], np.cumsum(arrays["view_tiles"])])
    tiles = floats("tiles")
    first_version = meta["version"] == 1
    counts = np.zeros(len(arrays["view_start"]), int) if first_version else arrays["view_places"]
    places = np.zeros((0, 2), np.int32) if first_version else arrays["places"]
    starts = np.concatenate([[0], np.cumsum(counts)])
    # Series of earlier versions say nothing of it.
    has_likely = "likely_counts" in arrays
    likely = arrays["likely_cameras"] if has_likely else np.zeros(0, np.int32)
    counted = arrays["likely_counts"] if has_likely else np.zeros(len(counts), int)
    firsts = np.concatenate([[0], np.cumsum(counted)])
    views = tuple(
        View(
            int(arrays["view_start"][i]),
            int(arrays["view_end"][i]),
            str(meta["view_kinds"][int(arrays["view_kind"][i])]),
            tiles[limits[i] : limits[i + 1]],
            cameras=places[starts[i] : starts[i + 1], 0].astype(np.int32),
            has_video=places[starts[i] : starts[i + 1], 1].astype(np.bool_),
            likely_cameras=likely[firsts[i] : firsts[i + 1]].astype(np.int32),
        )
        for i in range(len(arrays["view_start"]))
    )
    quality = dict(meta["quality"])
    return Observations(
        t_s=arrays["t_s"].astype(np.float64),
        sample_interval_s=float(meta["sample_interval_s"]),
        duration_s=float(meta["duration_s"]),
        width_px=int(meta["width_px"]),
        height_px=int(meta["height_px"]),
        faces=faces,
        views=views,
        quality=Quality(**quality | {"notes": tuple(quality["notes"])}),
        model=str(meta["model"]),
        labels=() if first_version else tuple(NameLabel(**label) for label in meta["labels"]),
    )


def _places(view: View) -> I32:
    """Camera and video of each place of a view, (n, 2)."""
    places: I32 = np.stack([view.cameras, view.has_video], axis=1).astype(np.int32)
    return places


def _to_grid(values: F32) -> F32:
    rounded: F32 = (np.round(values.astype(np.float64) * GRID) / GRID).astype(np.float32)
    return rounded


def pack_probs(probs: F32) -> NDArray[np.uint16]:
    """Return probabilities in steps of 1/PROB_STEPS, of the same shape; NaN becomes PROB_NAN."""
    steps = np.round(np.clip(probs.astype(np.float64), 0.0, 1.0) * PROB_STEPS)
    packed: NDArray[np.uint16] = np.where(np.isnan(steps), PROB_NAN, steps).astype(np.uint16)
    return packed


def unpack_probs(packed: NDArray[np.uint16]) -> F32:
    """Return what `pack_probs` packed; the last axis sums to 1 again."""
    probs = np.where(packed == PROB_NAN, np.nan, packed / PROB_STEPS)
    total = probs.sum(axis=-1, keepdims=True)
    rows: F32 = (probs / np.where(total > 0, total, np.nan)).astype(np.float32)
    return rows
