"""Views that turn out later to have been something else."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from inference.analyzer import Analyzer, AnalyzerOptions
from inference.expression.batch_queue import DeviceQueue
from inference.schema.arrays import F32, U8
from inference.schema.observations import Frame
from inference.serialize import observations_from_columns, observations_to_columns
from tests import layouts


def neutral(crops: U8) -> F32:
    probs = np.zeros((len(crops), 7), np.float32)
    probs[:, 6] = 1
    return probs


def test_a_photograph_that_turns_out_to_be_shared_is_stored_as_a_share_from_its_start() -> None:
    slide = layouts.room(5, 640, 360)
    pictures = layouts.through_h264([slide] * 16)
    options = AnalyzerOptions(read_labels=False)
    with DeviceQueue(neutral) as queue, Analyzer(options, queue, model="test-1") as analyzer:
        analyzer.push(Frame(k, Fraction(1, 2), picture) for k, picture in enumerate(pictures))
        seen = analyzer.observations()
    assert [(view.kind, view.start_sample) for view in seen.views] == [("share", 0)]
    kept = observations_from_columns(*observations_to_columns(seen))
    assert [view.kind for view in kept.views] == ["share"]
