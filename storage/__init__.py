"""Tables, queries and files. Independent of Zoom, Slack and the analysis."""
