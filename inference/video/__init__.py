"""Recordings as sampled pictures: container, reader, sampling and stills."""
