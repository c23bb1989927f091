"""The analysis of recordings in processes of its own, so that a crash takes no service with it."""
