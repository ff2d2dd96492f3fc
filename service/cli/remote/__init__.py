"""Commands against a running service: where it is, what is asked of it, and how its answers are shown."""
