"""Tests of service/outbound."""
