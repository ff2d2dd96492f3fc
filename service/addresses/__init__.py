"""Pure rules of addresses, origins and where requests may go."""
