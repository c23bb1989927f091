"""The face models run by MediaPipe 0.10.21 itself; the only file that knows the package.

It is the second backend, and what the first is measured against. Graphs are run directly: what
mediapipe.SolutionBase does around each run takes 0.4 ms of Python.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from inference.errors import WeightsInvalid
from inference.faces.face_models import (
    FULL_PX,
    FULL_TILES,
    MESH_PX,
    MIN_PRESENCE,
    SHORT_PX,
    SHORT_TILES,
)
from inference.faces.face_search import FoundFace
from inference.native_log import font_list_line_dropped, native_log_lines_dropped
from inference.schema.arrays import F32, U8

_DETECTION_GRAPH = """
num_threads: 1
input_stream: "image"
output_stream: "detections"
node {
  calculator: "FaceDetection%sRangeCpu"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:detections"
}
"""

_MESH_GRAPH = """
num_threads: 1
input_stream: "image"
input_stream: "roi"
output_stream: "points"
output_stream: "presence"
node {
  calculator: "ImageToTensorCalculator"
  input_stream: "IMAGE:image"
  input_stream: "NORM_RECT:roi"
  output_stream: "TENSORS:input"
  options {
    [mediapipe.ImageToTensorCalculatorOptions.ext] {
      output_tensor_width: 192
      output_tensor_height: 192
      output_tensor_float_range { min: 0 max: 1 }
    }
  }
}
node {
  calculator: "InferenceCalculator"
  input_stream: "TENSORS:input"
  output_stream: "TENSORS:output"
  options {
    [mediapipe.InferenceCalculatorOptions.ext] {
      model_path: "mediapipe/modules/face_landmark/face_landmark.tflite"
      delegate { xnnpack { num_threads: 1 } }
    }
  }
}
node {
  calculator: "SplitTensorVectorCalculator"
  input_stream: "output"
  output_stream: "mesh"
  output_stream: "flag"
  options {
    [mediapipe.SplitVectorCalculatorOptions.ext] {
      ranges { begin: 0 end: 1 }
      ranges { begin: 1 end: 2 }
    }
  }
}
node {
  calculator: "TensorsToFloatsCalculator"
  input_stream: "TENSORS:mesh"
  output_stream: "FLOATS:points"
}
node {
  calculator: "TensorsToFloatsCalculator"
  input_stream: "TENSORS:flag"
  output_stream: "FLOAT:presence"
  options { [mediapipe.TensorsToFloatsCalculatorOptions.ext] { activation: SIGMOID } }
}
"""
"""The landmark model by itself. The ready-made FaceMesh searches the face again first (1.2 ms), and
hands every point over as a separate object (0.4 ms)."""

RELEASE = "0.10.21"
"""The last one whose wheel carries models."""


class _Graph:
    """One MediaPipe graph, run for one picture at a time."""

    def __init__(self, config: str, outputs: tuple[str, ...]) -> None:
        from mediapipe.python import CalculatorGraph

        self._graph: Any = CalculatorGraph(graph_config=config)
        self._given: dict[str, Any] = {}
        for output in outputs:
            self._graph.observe_output_stream(output, self._given.__setitem__)
        self._graph.start_run()
        self._time = 0

    def run(self, image: U8, **packets: Any) -> dict[str, Any]:
        """Return the packets that came out, by the name of their stream."""
        from mediapipe.python import ImageFormat, packet_creator

        self._given.clear()
        self._time += 1
        picture = packet_creator.create_image_frame(image, image_format=ImageFormat.SRGB)
        for stream, packet in {"image": picture, **packets}.items():
            self._graph.add_packet_to_input_stream(stream=stream, packet=packet.at(self._time))
        self._graph.wait_until_idle()
        return self._given

    def close(self) -> None:
        self._graph.close()


class MediaPipeDetectionModel:
    """One of the two face detection models, for square pictures."""

    def __init__(
        self, which: str, side_px: int, tiles_per_call: int, min_confidence: float
    ) -> None:
        self.side_px = side_px
        self.tiles_per_call = tiles_per_call
        self.graph = _Graph(_DETECTION_GRAPH % which, ("detections",))
        self._min_confidence = min_confidence

    def detect(self, image: U8) -> list[FoundFace]:
        """Return every face, in pixels of the picture."""
        from mediapipe.python import packet_getter

        packet = self.graph.run(image).get("detections")
        found = []
        for detection in packet_getter.get_proto_list(packet) if packet is not None else ():
            confidence = float(detection.score[0])
            if confidence < self._min_confidence:
                continue
            box = detection.location_data.relative_bounding_box
            edges = (box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height)
            eyes = [(p.x, p.y) for p in detection.location_data.relative_keypoints[:2]]
            side = np.float32(image.shape[0])
            found.append(
                FoundFace(
                    np.array(edges, np.float32) * side,
                    confidence,
                    np.array(eyes, np.float32) * side,
                )
            )
        return found


class MediaPipeFaceModels:
    """The three graphs; see `FaceModels`. MediaPipe is imported here: about a second."""

    def __init__(self, min_confidence: float) -> None:
        # Looked at before the import: later releases send usage figures to their maker.
        if metadata.version("mediapipe") != RELEASE:
            raise ImportError(f"mediapipe {metadata.version('mediapipe')} carries no models")
        # MediaPipe imports matplotlib, of which nothing is used here.
        with native_log_lines_dropped(), font_list_line_dropped():
            import mediapipe
            from mediapipe.framework.formats.rect_pb2 import NormalizedRect
            from mediapipe.python._framework_bindings import resource_util

            # Graphs name their models from here.
            resource_util.set_resource_dir(str(Path(mediapipe.__file__).parents[1]))
            self._rect: Any = NormalizedRect
            # Each graph writes lines when it starts, from its own thread, and in its first
            # run. TensorFlow Lite writes a line in three pieces: graphs that start at once tear
            # each other's lines, which nobody knows again then. So one is through before the next.
            self.short = MediaPipeDetectionModel("Short", SHORT_PX, SHORT_TILES, min_confidence)
            self.short.detect(np.zeros((SHORT_PX, SHORT_PX, 3), np.uint8))
            self.full = MediaPipeDetectionModel("Full", FULL_PX, FULL_TILES, min_confidence)
            self.full.detect(np.zeros((FULL_PX, FULL_PX, 3), np.uint8))
            self._mesh = _Graph(_MESH_GRAPH, ("points", "presence"))
            blank, middle = np.zeros((MESH_PX, MESH_PX, 3), np.uint8), np.zeros(2, np.float32)
            self.fit_mesh(blank, middle, MESH_PX, 0.0)

    def fit_mesh(self, image: U8, middle: F32, side: float, angle: float) -> F32 | None:
        """Fit the mesh to the face in a square of the picture; see `FaceModels.fit_mesh`."""
        from mediapipe.python import packet_creator, packet_getter

        height, width = image.shape[:2]
        square = self._rect(
            x_center=float(middle[0]) / width, y_center=float(middle[1]) / height,
            width=side / width, height=side / height, rotation=angle,
        )  # fmt: skip
        given = self._mesh.run(image, roi=packet_creator.create_proto(square))
        if packet_getter.get_float(given["presence"]) < MIN_PRESENCE:
            return None
        points = np.array(packet_getter.get_float_list(given["points"]), np.float32)
        return points.reshape(-1, 3)

    def close(self) -> None:
        for graph in (self.short.graph, self.full.graph, self._mesh):
            graph.close()


def load_mediapipe(min_confidence: float) -> MediaPipeFaceModels:
    """Load MediaPipe and its models.

    Raises:
        WeightsInvalid: MediaPipe is not installed, does not work, or is one without models.
    """
    try:
        return MediaPipeFaceModels(min_confidence)
    except (ImportError, OSError, RuntimeError, ValueError) as exc:
        raise WeightsInvalid(
            "MediaPipe cannot run the face models: run `make install-mediapipe`, which installs "
            "mediapipe==0.10.21 (Python 3.11 or 3.12; later releases carry no models), or leave "
            f"the choice to LiteRT: {exc}"
        ) from exc
