"""Tests of service/http/routes."""
