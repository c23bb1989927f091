"""The page of one call, opened by a signed link."""
