"""The running process: its start and end, its schedule, and its claim on its own workflows."""
