"""Stalls: steps of a task that hold the event loop, measured in the tests and searched for by `make stalls`."""
