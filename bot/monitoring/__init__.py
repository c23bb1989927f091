"""How the service can be watched: its log, its figures, and how the installation stands."""
