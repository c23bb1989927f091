"""Measure the expression classifier's milliseconds per face, by architecture and threads.

    python -m benchmarks.expression [--architecture NAME …] [--batch 32] [--repeats 25]

The weights are random; the time does not depend on them. Wall time is the median and the minimum of
the repeats. On a busy machine, only the CPU time of one thread is comparable.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import numpy as np
import torch

from inference.expression.architectures import ARCHITECTURES, build_network
from inference.expression.classifier import (
    ExpressionClassifier,
    computes_in_bfloat16,
    read_weights,
)
from inference.expression.shipped import SHIPPED_WEIGHTS
from inference.schema.arrays import U8


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architecture", nargs="*", default=list(ARCHITECTURES))
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=25)
    options = parser.parse_args()
    _, card = read_weights(SHIPPED_WEIGHTS)
    crops = np.random.default_rng(0).integers(0, 256, (options.batch, 48, 48)).astype(np.uint8)
    kind = "bfloat16" if computes_in_bfloat16("cpu") else "float32"
    print(
        f"batches of {options.batch}, {kind}, ms a face: wall median, wall least, processor least"
    )
    for name in options.architecture:
        classifier = ExpressionClassifier(build_network(name), card)
        for threads in (1, 2):
            torch.set_num_threads(threads)
            wall, busy = measure(classifier, crops, options.repeats)
            per_face = 1e3 / options.batch
            print(
                f"{name:12} {threads} thread{'s'[: threads - 1]:1}"
                f" {statistics.median(wall) * per_face:8.3f} {min(wall) * per_face:8.3f}"
                f" {min(busy) * per_face:8.3f}"
            )
            sys.stdout.flush()


def measure(
    classifier: ExpressionClassifier, crops: U8, repeats: int
) -> tuple[list[float], list[float]]:
    """Return wall-clock and CPU seconds per batch."""
    for _ in range(3):
        classifier.classify(crops)
    wall, busy = [], []
    for _ in range(repeats):
        clock, processor = time.perf_counter(), time.process_time()
        classifier.classify(crops)
        wall.append(time.perf_counter() - clock)
        busy.append(time.process_time() - processor)
    return wall, busy


if __name__ == "__main__":
    main()
