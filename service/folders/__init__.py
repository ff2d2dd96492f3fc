"""Components and graphs from files: loaded at the start, and again when they change."""
