"""The durable workflow over a call: its steps, retries and progress, and what starts it."""
