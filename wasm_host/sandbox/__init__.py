"""What outlives guests: a component's sandbox, chains of them, and their state."""
