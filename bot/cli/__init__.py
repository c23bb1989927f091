"""The `rapport` command and its subcommands."""
