"""What components and observers implement, and what they are given. Imports nothing that runs."""
