"""The processes that end the service when it does not end by itself, and say what held it."""
