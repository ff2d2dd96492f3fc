"""A real service under load, killed at random moments; after each restart the sums must be exact."""
