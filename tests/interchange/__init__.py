"""Graphs of other tools as ours: what is imported runs, and does what it did."""
