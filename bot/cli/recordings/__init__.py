"""Commands that analyse and annotate a recording on disk."""
