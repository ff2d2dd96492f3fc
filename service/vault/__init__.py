"""The secrets and variables that graphs may use: where they come from, and whose they are."""
