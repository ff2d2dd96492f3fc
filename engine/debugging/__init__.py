"""Breakpoints: where an execution is to stop, what it has stopped on, and how it goes on."""
