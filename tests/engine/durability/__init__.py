"""Durable executions."""
