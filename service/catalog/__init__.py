"""The catalog beside this service: what is published there, and what is taken from there."""
