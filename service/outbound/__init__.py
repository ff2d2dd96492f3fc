"""Requests that leave the service, held to the rules."""
