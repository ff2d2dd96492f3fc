"""Tests of service/addresses."""
