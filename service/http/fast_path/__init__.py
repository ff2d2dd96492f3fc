"""Requests that are answered at once: small, frequent, whole when they come, and nothing unusual about them.

What a program sends again and again (a message, a delivery, a question for health) is answered here, below the web
framework, by the functions that the routes themselves call. Whatever has anything unusual about it goes the
ordinary way (docs/decisions/0085).
"""
