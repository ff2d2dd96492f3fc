"""The parts that outlive guests: a component's sandbox, chains of them, and their state."""
