"""What can go wrong while reading a recording.

InferenceError
├── UnreadableMedia      the file is no media, or too much of it is damaged
│   └── NoVideoStream    it is media, but holds no picture
├── WeightsInvalid       the weights file is missing, or is not what the model expects
├── DeviceOutOfMemory    even one crop did not fit on the device
└── Cancelled            the stop flag was set; nothing is lost, the step runs again
"""

from __future__ import annotations


class InferenceError(Exception):
    """Any failure of the analysis. Positional arguments only, so that pickling keeps them."""


class UnreadableMedia(InferenceError):
    """The file cannot be analysed: not media, empty, or damaged past the stated share."""


class NoVideoStream(UnreadableMedia):
    """The file is readable but has no video stream."""


class WeightsInvalid(InferenceError):
    """The weights file is missing or does not fit the network."""


class DeviceOutOfMemory(InferenceError):
    """Not even a batch of one fitted into the device's memory."""


class Cancelled(InferenceError):
    """The stop flag was set while analysing."""
