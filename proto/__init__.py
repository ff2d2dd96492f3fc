"""The vocabulary: what graphs, components, messages and executions look like on the wire."""
