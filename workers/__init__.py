"""Processes for work that cannot be sliced: it runs beside the event loop, within bounds, and can be ended."""
