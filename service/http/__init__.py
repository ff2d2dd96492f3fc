"""The way in and out over HTTP."""
