"""Recordings run again: the same inputs, at the same moments of a simulated clock, and nothing outside.

    recorded ──> script ──> rerun (a runtime of its own, simulated time) ──> emissions ──> comparison

``script`` reads a recording once, ``answers`` stand in for what was asked outside, ``rerun`` lets an execution
live through it, ``comparison`` finds the first difference of each node, ``replay`` is the door.
"""
