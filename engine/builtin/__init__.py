"""The components that every runtime offers, one file a component or family."""
