"""The memory that tenants cause: the ledger, what is leased of it, and who waits for it."""
