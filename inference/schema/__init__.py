"""The records that travel between the parts of the analysis."""
