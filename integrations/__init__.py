"""Outside services, one folder each. Knows nothing of analysis or storage."""
