"""Long work in slices, so that everybody else has their turn meanwhile."""
