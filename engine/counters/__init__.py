"""The counters of instances, of edges and of executions."""
