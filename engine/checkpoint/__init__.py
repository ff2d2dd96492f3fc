"""A running execution at one moment, as a value: made without stopping it, and begun from again."""
