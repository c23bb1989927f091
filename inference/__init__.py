"""Numbers in, numbers out: no network, no database, no clock."""
