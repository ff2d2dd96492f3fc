"""The callers of requests, and the rights that follow from who they are."""
