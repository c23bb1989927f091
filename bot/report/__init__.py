"""The report of a call as PDF, and the message about it."""
