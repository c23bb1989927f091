"""Moments: what changed in a call and when, and the words said then."""
