"""The annotated recording: painted and encoded while the analysis looks at its pictures."""
