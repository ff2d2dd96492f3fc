"""Tests of engine/cooperative."""
