"""The console: its files as they are served, and its stories in a real browser."""
