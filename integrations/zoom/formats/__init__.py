"""Zoom's file formats, part by part: what a cue, a name or a row looks like."""
