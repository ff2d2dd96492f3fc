"""Breakpoints of running executions."""
