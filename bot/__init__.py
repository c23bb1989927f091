"""The running service: the only package that knows the other three."""
