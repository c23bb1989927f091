"""Backups: both databases and the calls' files, copied so that they fit together."""
