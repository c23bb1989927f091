"""HTTP servers on 127.0.0.1 that answer as Zoom and Slack do."""
