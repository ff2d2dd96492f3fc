"""Settings: one table, a file for each group."""
