"""Slack, and a folder in its place where no token is set."""
