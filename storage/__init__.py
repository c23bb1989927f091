"""Tables, queries and files. Knows nothing of Zoom, Slack or analysis."""
