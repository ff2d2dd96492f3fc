"""Tests of engine/components."""
