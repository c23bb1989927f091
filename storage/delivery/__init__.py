"""What comes in from Zoom and what goes out to Slack."""
