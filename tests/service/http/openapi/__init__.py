"""Tests of service/http/openapi."""
