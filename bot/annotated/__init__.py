"""The annotated recording: painted and encoded while the analysis reads the same frames."""
