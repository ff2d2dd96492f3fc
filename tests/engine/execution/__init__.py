"""Tests of engine/execution."""
