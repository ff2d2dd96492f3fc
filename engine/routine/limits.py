"""The bounds of routine definitions, each with its unit and its reason."""

ROUTINES_LIMIT = 100
"""Routines of one definition. Each becomes a graph, and an owner has 1,000 of those."""

STEPS_LIMIT = 1_000
"""Steps of all routines of a definition together: as many as a graph may have nodes."""

CALL_DEPTH_LIMIT = 16
"""Calls inside of calls. Deeper ones cannot be followed by eye, and the compiler goes down them."""

NODES_LIMIT = 2_000
"""Nodes of all graphs of a definition, called routines counted wherever they are called: calls multiply."""

DEFINITION_LIMIT_BYTES = 1024 * 1024
"""JSON text of a definition, whose hash is made of every character."""
