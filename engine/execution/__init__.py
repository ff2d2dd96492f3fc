"""One running graph: its tasks, its queues, its end."""
