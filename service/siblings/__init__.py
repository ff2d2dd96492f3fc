"""Siblings, the services beside this one: what is known of each, and how long to wait for it."""
