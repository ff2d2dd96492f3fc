"""Tests of service/hosts."""
