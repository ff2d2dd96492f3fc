"""HTTP, settings and the command line: the only place that knows the outside world."""
