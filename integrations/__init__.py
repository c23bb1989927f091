"""Clients for outside services, one folder each. Independent of analysis and storage."""
