"""Observations survive storage, within the stated loss and size."""

from __future__ import annotations

import io
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from inference.errors import InferenceError
from inference.schema.arrays import F32
from inference.schema.observations import FaceColumns, NameLabel, Observations, Quality, View
from inference.serialize import observations_from_columns, observations_to_columns

LOSS = 1e-3


def call(samples: int, people: int) -> Observations:
    """Generate a call of plausible faces at two samples per second, some of them unclassified."""
    rng = np.random.default_rng(7)
    n = samples * people

    def around(level: float, spread: float) -> F32:
        return (level + spread * rng.standard_normal(n)).astype(np.float32)

    probs = rng.dirichlet(np.full(7, 0.4), n).astype(np.float32)
    yaw = around(3, 12)
    hidden = rng.random(n) < 0.1
    probs[hidden] = np.nan
    yaw[hidden] = np.nan
    left, top = around(300, 200), around(200, 100)
    faces = FaceColumns(
        sample=np.repeat(np.arange(samples, dtype=np.int32), people),
        track=np.tile(np.arange(people, dtype=np.int32), samples) + 3,
        box=np.stack([left, top, left + around(90, 5), top + around(120, 5)], axis=1),
        confidence=np.clip(around(0.9, 0.05), 0, 1),
        probs=probs,
        yaw_deg=yaw,
        pitch_deg=around(-4, 8),
        roll_deg=around(0, 5),
        eye_opening=around(0.3, 0.05),
        mouth_opening=np.abs(around(0.1, 0.1)),
    )
    tiles = np.array([[0, 0, 640, 360], [640, 0, 1280, 360]], np.float32)
    return Observations(
        t_s=np.arange(samples, dtype=np.float64) * 0.5 + 0.033,
        sample_interval_s=0.5,
        duration_s=samples * 0.5,
        width_px=1280,
        height_px=720,
        faces=faces,
        views=(View(0, 40, "gallery", tiles), View(40, samples, "single")),
        quality=Quality(frames_decoded=9, lost_share=0.01, notes=("VTT: 2 cues were empty.",)),
        model="expression-1",
    )


def stored(observations: Observations) -> Observations:
    """Write to a compressed file and JSON text, and read them back."""
    arrays, meta = observations_to_columns(observations)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    file.seek(0)
    return observations_from_columns(dict(np.load(file)), json.loads(json.dumps(meta)))


def test_a_stored_call_reads_back_within_the_stated_loss() -> None:
    before = call(120, 4)
    after = stored(before)
    assert np.array_equal(after.t_s, before.t_s)
    assert np.array_equal(after.faces.sample, before.faces.sample)
    assert np.array_equal(after.faces.track, before.faces.track)
    for name in FaceColumns.__slots__:
        old, new = getattr(before.faces, name), getattr(after.faces, name)
        assert new.dtype == old.dtype
        assert new == pytest.approx(old, abs=LOSS, nan_ok=True)
    assert replace(after, t_s=before.t_s, faces=before.faces, views=()) == replace(before, views=())
    assert [(v.start_sample, v.end_sample, v.kind) for v in after.views] == [
        (0, 40, "gallery"),
        (40, 120, "single"),
    ]
    assert np.array_equal(after.views[0].tiles, before.views[0].tiles)
    assert after.views[1].tiles.shape == (0, 4)


def test_probabilities_still_sum_to_one_and_unclassified_faces_stay_unclassified() -> None:
    before, after = call(120, 4), stored(call(120, 4))
    sums = after.faces.probs.sum(axis=1)
    assert sums[~np.isnan(sums)] == pytest.approx(1, abs=1e-6)
    assert np.array_equal(np.isnan(after.faces.probs), np.isnan(before.faces.probs))


def test_storing_again_loses_nothing_more() -> None:
    once = stored(call(120, 4))
    twice = stored(once)
    assert twice.faces.probs == pytest.approx(once.faces.probs, abs=2e-5, nan_ok=True)
    assert np.array_equal(twice.faces.box, once.faces.box)


def test_a_call_without_any_face_is_stored() -> None:
    empty = replace(call(3, 1), faces=FaceColumns.empty(), views=(), t_s=np.zeros(0))
    after = stored(empty)
    assert len(after.faces) == 0
    assert after.faces.box.shape == (0, 4)
    assert after.views == ()


def test_an_hour_with_four_people_needs_under_two_megabytes() -> None:
    arrays, meta = observations_to_columns(call(7200, 4))
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    assert len(file.getvalue()) + len(json.dumps(meta)) < 2_000_000


def test_columns_of_another_version_are_refused_with_advice() -> None:
    arrays, meta = observations_to_columns(call(10, 1))
    with pytest.raises(InferenceError, match="analyse the call again") as caught:
        observations_from_columns(arrays, meta | {"version": 99})
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    del arrays["track"]
    with pytest.raises(InferenceError, match="track"):
        observations_from_columns(arrays, meta)


def test_labels_written_before_shapes_were_kept_are_read() -> None:
    label = NameLabel(0, 4, 0, 0, "Anna", 0.9, "shape")
    arrays, meta = observations_to_columns(replace(call(4, 2), labels=(label,)))
    assert observations_from_columns(arrays, meta).labels == (label,)

    plain = json.loads(json.dumps(meta))
    del plain["labels"][0]["shape"]
    assert observations_from_columns(arrays, plain).labels == (replace(label, shape=""),)
