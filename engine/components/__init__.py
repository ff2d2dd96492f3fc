"""Where components come from; only these know the sandbox."""
