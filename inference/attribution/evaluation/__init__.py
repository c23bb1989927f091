"""Measures attribution against a truth file."""
