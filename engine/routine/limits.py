"""The bounds of routine definitions, each with its unit and its reason."""

ROUTINES_LIMIT = 100
"""Routines of one definition. Each becomes a graph, and an owner has 1,000 of those."""

STEPS_LIMIT = 1_000
"""Steps of all routines of a definition together: as many as a graph may have nodes."""

CALL_DEPTH_LIMIT = 16
"""Calls inside of calls. Deeper ones cannot be followed by eye, and the compiler goes down them."""

NODES_LIMIT = 2_000
"""Nodes of all graphs of a definition, called routines counted wherever they are called: calls multiply."""

GRAPHS_LIMIT_BYTES = 8 * 1024 * 1024
"""JSON text of all graphs of a definition, roughly: what stands once in it may stand in each of 2,000 nodes."""

NAME_LIMIT_CHARACTERS = 200
"""Ids and names, which become those of nodes and graphs; as many as these may have."""

DEFINITION_LIMIT_BYTES = 1024 * 1024
"""JSON text of a definition, whose hash is made of every character."""
