"""The processes that share a database: their leases, and the data folder that goes with it."""
