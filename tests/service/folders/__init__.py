"""Tests of what comes from files."""
