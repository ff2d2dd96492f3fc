"""JSON Schemas of ports: what they cost, how they are compiled, and values held against them."""
