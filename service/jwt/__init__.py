"""Keys and the verification of tokens. Pure."""
