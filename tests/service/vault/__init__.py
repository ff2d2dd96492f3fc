"""The vault: secrets and variables that graphs may use."""
