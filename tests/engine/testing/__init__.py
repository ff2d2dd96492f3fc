"""Tests of engine/testing."""
