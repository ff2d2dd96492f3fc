"""Graphs, components and one real pipeline to start from."""
