"""Documents from outside, JSON or YAML, decoded within bounds."""
