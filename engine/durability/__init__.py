"""Durable executions: what they accept is on disk before it is acknowledged, and they go on after a kill."""
