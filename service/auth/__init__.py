"""Who calls, and what follows from it."""
