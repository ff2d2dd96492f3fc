"""TypeScript becomes JavaScript: once, at registration, with its author's lines and columns."""
