"""Tests of engine/replaying."""
