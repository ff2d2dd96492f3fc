"""Tests of engine/builtin/parts."""
