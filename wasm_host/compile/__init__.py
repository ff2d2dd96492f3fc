"""Untrusted modules, looked at and compiled in processes of their own; and our own modules."""
