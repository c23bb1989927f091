"""The demo: the whole service with stand-ins for Zoom and Slack."""
