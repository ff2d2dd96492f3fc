"""The interfaces of components and observers, and the values that they are given. Imports nothing that runs."""
