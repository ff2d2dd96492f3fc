"""The families of figures, one module each: what is measured, and against what."""
