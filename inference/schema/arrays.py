"""The values that flow through the analysis.

Conventions, said once: pictures are RGB uint8 of shape (H, W, 3); boxes are xyxy in pixels of the
decoded picture, float32; times are seconds from the start of the recording (several segments of a
meeting are laid end to end); angles are degrees; `probs` columns are in `EXPRESSIONS` order.
A quantity that was not observed is NaN in arrays and None in scalars, never zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Column order of every `probs` array: FER2013's."""

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]
Bools = NDArray[np.bool_]
