"""Routines: a front-end language whose definitions compile to graphs."""
