"""Tests of service/memory."""
