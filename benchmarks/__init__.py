"""Honest numbers: small programs, each with its yardstick in the same run."""
