"""Slack, and a local folder that stands in for it when no token is set."""
