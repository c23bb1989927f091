"""The JSON API, the webhook that Zoom posts to, and the health checks."""
