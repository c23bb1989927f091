"""Chooses what runs the face models; the chosen library is loaded only then."""

from __future__ import annotations

from inference.faces.face_models import Backend, FaceModels


def load_models(backend: Backend, min_confidence: float) -> FaceModels:
    """Load the models. Faces that a model is less sure of than `min_confidence` are left out.

    Raises:
        WeightsInvalid: a model is missing or damaged, or the library that should run it is.
    """
    if backend == "mediapipe":
        from inference.faces.mediapipe_models import load_mediapipe

        return load_mediapipe(min_confidence)
    from inference.faces.litert_models import LiteRTFaceModels

    return LiteRTFaceModels(min_confidence)
