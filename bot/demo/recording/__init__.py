"""Makes the recording of the demo's call."""
