"""Deliveries received from Zoom and messages posted to Slack."""
