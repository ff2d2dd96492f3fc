"""Events from outside that are delivered to a graph by its name."""
