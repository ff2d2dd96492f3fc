"""Tests of engine/journal."""
