"""Suites that others wrote, run against what this service is made of: `README.md` here says which, and how.

The suites are not part of this repository. Beside each runner lies the list of the known differences, each with
its reason.
"""
