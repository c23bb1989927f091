"""Measure a CUDA GPU: the expression network, decoding, and several calls at once.

    python -m benchmarks.gpu                 # everything, some minutes; without CUDA it says so
    python -m benchmarks.gpu --device cpu    # only checks that the program runs, at tiny sizes

Prints how far each way of running the network is from the CPU's float32 (0.01 is allowed); faces/s
with crops that are already on the GPU (its own limit) and from array to array; frames/s of FFmpeg
on the CPU and of NVDEC; and for several calls analysed at once, minutes of call per minute, faces/s
with everything included, batch sizes, and the wait in the device queue.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.clip import FPS, make_clip
from inference.analyzer import AnalyzerOptions
from inference.expression.batch_queue import DeviceQueue
from inference.expression.classifier import ExpressionClassifier, read_weights
from inference.expression.model import INPUT_PX, READINGS, place
from inference.expression.shipped import SHIPPED_WEIGHTS
from inference.recording import Segment, observe_recording
from inference.schema.arrays import F32, U8
from inference.video.reader import DecodeOptions, FrameReader

TOLERANCE = 0.01
"""The allowed difference between probabilities from the CPU and from the GPU."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much to measure."""

    batch: int
    window_s: float
    clip_s: float
    calls: tuple[int, ...]


ON_A_CARD = Sizes(1024, 3.0, 60.0, (1, 4, 16))
SMOKE = Sizes(8, 0.2, 2.0, (1, 2))


@dataclass(frozen=True, slots=True)
class Way:
    """One way of running the network.

    `half`: weights and activations in 16 bits. `pinned`: arrays are copied asynchronously through
    page-locked memory. `compiled`: with `torch.compile`. `graph`: the kernels of a batch are
    recorded once (CUDA graph) and launched together.
    """

    half: bool = False
    pinned: bool = False
    compiled: bool = False
    graph: bool = False

    def __str__(self) -> str:
        names = ("half", "pinned", "compiled", "graph")
        return ", ".join(name for name in names if getattr(self, name)) or "float32"


WAYS_ON_A_CARD = (
    Way(),
    Way(pinned=True),
    Way(half=True, pinned=True),
    Way(half=True, pinned=True, graph=True),
    Way(half=True, pinned=True, compiled=True),
)


class Runner:
    """The shipped network on a device, run in one way; a batch has at most `batch` faces."""

    def __init__(self, way: Way, device: str, batch: int) -> None:
        net, card = read_weights(SHIPPED_WEIGHTS)
        self._way, self._device = way, device
        self._dtype = torch.float16 if way.half else torch.float32
        self._net = place(net.eval().folded(), device).to(self._dtype)
        if way.compiled:
            self._net.compile()
        self._temperatures = torch.tensor(card.temperatures, device=device)[:, None]
        shape = (batch, 1, INPUT_PX, INPUT_PX)
        self.faces = torch.zeros(shape, dtype=torch.uint8, device=device)
        """The batch on the device, where the graph reads it."""
        self._staging = torch.zeros(shape, dtype=torch.uint8, pin_memory=way.pinned)
        self._graph: torch.cuda.CUDAGraph | None = None
        if way.graph:
            self._record()

    @torch.inference_mode()
    def on_device(self, faces: Tensor) -> Tensor:
        """Compute probabilities for faces on the device, and leave the result there."""
        if self._graph is not None:
            self._graph.replay()
            return self._recorded[: len(faces)]
        logits: Tensor = self._net(faces.to(self._dtype))
        return torch.softmax(logits.float() / self._temperatures, dim=2)[:, READINGS.index("votes")]

    def classify(self, crops: U8) -> F32:
        """Compute probabilities from array to array, as the device queue does."""
        count = len(crops)
        if self._way.pinned:
            self._staging[:count, 0].copy_(torch.from_numpy(crops))
            self.faces[:count].copy_(self._staging[:count], non_blocking=True)
        else:
            self.faces[:count, 0].copy_(torch.from_numpy(crops))
        # A compiled network is recompiled for every size, so it gets the whole batch, like a graph.
        whole = self._way.compiled or self._way.graph
        probs = self.on_device(self.faces if whole else self.faces[:count])
        return np.asarray(probs[:count].cpu().numpy(), np.float32)

    def _record(self) -> None:
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # PyTorch gives it no types
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):  # select kernels and allocate memory before the recording
                self.on_device(self.faces)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._recorded = self.on_device(self.faces)
        self._graph = graph


def main() -> None:
    """Parse the command line and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", type=int, help="faces in the largest batch")
    parser.add_argument("--calls", type=int, nargs="+", help="how many at once, one run each")
    parser.add_argument("--clip-seconds", type=float)
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    given = parser.parse_args()
    is_card = given.device != "cpu"
    if is_card and not torch.cuda.is_available():
        print("Skipped: PyTorch sees no CUDA device here. --device cpu tries the program itself.")
        return
    usual = ON_A_CARD if is_card else SMOKE
    sizes = Sizes(
        given.batch or usual.batch,
        usual.window_s,
        given.clip_seconds or usual.clip_s,
        tuple(given.calls or usual.calls),
    )
    if is_card:
        print(f"{torch.cuda.get_device_name(given.device)}, PyTorch {torch.__version__}, {sizes}")
    else:
        print("A try on the processor at tiny sizes: these figures say nothing about a card.")
    ways = [
        way
        for way in (WAYS_ON_A_CARD if is_card else (Way(),))
        if not (given.no_compile and way.compiled)
    ]
    best = compare_ways(ways, given.device, sizes)
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder) / "clip.mp4", sizes.clip_s)
        compare_decoders(clip, ["cpu", given.device] if is_card else ["cpu"], sizes)
        compare_calls(clip, Runner(best, given.device, sizes.batch), given.device, sizes)


def compare_ways(ways: list[Way], device: str, sizes: Sizes) -> Way:
    """Print agreement and speed of each way; return the fastest of those that agree."""
    crops = noise_faces(sizes.batch)
    exact = Runner(Way(), "cpu", sizes.batch).classify(crops)
    served = ExpressionClassifier.load(device="cpu", threads=1).classify(crops)
    print(f"the classifier that runs on CPUs differs from float32 by {apart(served, exact):.4f}")
    print(f"{'network, batch of ' + str(sizes.batch):30}{'differs':>9}{'limit':>12}{'arrays':>12}")
    speeds: dict[Way, float] = {}
    for way in ways:
        runner = Runner(way, device, sizes.batch)
        differs = apart(runner.classify(crops), exact)
        limit = rate(partial(runner.on_device, runner.faces), device, sizes)
        whole = rate(partial(runner.classify, crops), device, sizes)
        verdict = "" if differs <= TOLERANCE else "  too far: not used"
        print(f"{way!s:30}{differs:9.4f}{limit:10.0f}/s{whole:10.0f}/s{verdict}")
        if not verdict:
            speeds[way] = whole
    if not speeds:
        raise SystemExit(f"no way of running the network agrees within {TOLERANCE}")
    return max(speeds, key=speeds.__getitem__)


def compare_decoders(clip: Path, devices: list[str], sizes: Sizes) -> None:
    """Print frames per second of each decoder, with as many files read at once as calls."""
    for device in devices:
        options = DecodeOptions(skip_unneeded=False, device=device)
        for calls in sizes.calls:
            readers = [FrameReader(clip, options) for _ in range(calls)]
            took_s = at_once(partial(read_all, readers), calls)
            pictures = sum(reader.quality.frames_decoded for reader in readers)
            used = "NVDEC" if readers[0].decoded_on != "cpu" else "processor"
            print(
                f"decoding asked of {device}, done by {used}, {calls} at once: "
                f"{pictures / took_s:.0f} pictures/s, {pictures / took_s / FPS:.0f} times as fast "
                "as shown"
            )


def read_all(readers: list[FrameReader], number: int) -> None:
    """Read one of the files to its end."""
    for _ in readers[number]:
        pass


def compare_calls(clip: Path, runner: Runner, device: str, sizes: Sizes) -> None:
    """Print the throughput of several calls analysed at once, for each decoding device."""
    for decoder in dict.fromkeys(("cpu", device)):
        options = AnalyzerOptions(decode_device=decoder)
        for calls in sizes.calls:
            with DeviceQueue(runner.classify, max_batch=sizes.batch, max_pending=8192) as queue:
                faces: list[int] = []
                took_s = at_once(partial(count_faces, clip, options, queue, faces), calls)
                told = queue.figures
            print(
                f"{calls} calls at once, decoding on {decoder}: "
                f"{calls * sizes.clip_s / took_s:.1f} call-minutes a minute, "
                f"{sum(faces) / took_s:.0f} faces/s; "
                f"{told.crops / max(1, told.batches):.1f} faces a batch, wait in the queue "
                f"{1000 * told.waited_s / max(1, told.crops):.1f} ms on average, "
                f"{1000 * told.longest_wait_s:.1f} ms at most"
            )


def count_faces(
    clip: Path, options: AnalyzerOptions, queue: DeviceQueue, faces: list[int], _: int
) -> None:
    """Analyse a call and append the number of faces seen."""
    seen = observe_recording([Segment(clip)], options, queue, model="shipped")
    faces.append(len(seen.faces))


def noise_faces(count: int) -> U8:
    """Generate crops with contrast at every scale: half precision errs no more on real faces."""
    random = np.random.default_rng(5)
    sides = (3, 6, 12, 24, INPUT_PX)
    layers = [
        random.normal(size=(count, side, side))
        .repeat(INPUT_PX // side, 1)
        .repeat(INPUT_PX // side, 2)
        for side in sides
    ]
    grey = 128 + 25 * np.sum(layers, axis=0)
    return np.ascontiguousarray(grey.clip(0, 255).astype(np.uint8))


def apart(one: F32, other: F32) -> float:
    """Return the largest difference between two sets of probabilities."""
    return float(np.abs(one - other).max())


def rate(work: Callable[[], object], device: str, sizes: Sizes) -> float:
    """Return the faces per second of a function that processes one batch."""
    for _ in range(3):
        work()
    wait_for(device)
    batches, began = 0, time.perf_counter()
    while time.perf_counter() - began < sizes.window_s:
        work()
        batches += 1
        if batches % 16 == 0:  # otherwise launches run ever further ahead of the GPU
            wait_for(device)
    wait_for(device)
    return batches * sizes.batch / (time.perf_counter() - began)


def wait_for(device: str) -> None:
    """Wait until the device has finished its work."""
    if device != "cpu":
        torch.cuda.synchronize(device)


def at_once(work: Callable[[int], object], count: int) -> float:
    """Run a function in several threads at once; return the seconds until all are done."""
    start = threading.Barrier(count + 1)

    def run(number: int) -> None:
        start.wait()
        work(number)

    with ThreadPoolExecutor(count) as threads:
        running = [threads.submit(run, number) for number in range(count)]
        start.wait()
        began = time.perf_counter()
        for one in running:
            one.result()
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
