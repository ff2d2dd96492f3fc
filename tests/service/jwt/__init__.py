"""Tests of service/jwt."""
