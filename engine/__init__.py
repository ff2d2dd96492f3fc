"""Graphs, topology, executions, routing and the built-in components. Knows no HTTP server."""
