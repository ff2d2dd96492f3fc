"""Tests of engine/counters."""
