"""What is true of any document from outside: its weight, its problems, whether it can be said again."""
