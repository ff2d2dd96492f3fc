"""Breaks one place of the code at a time, and sees whether the tests that concern it notice (`README.md`)."""
