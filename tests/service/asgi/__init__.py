"""Tests of service/asgi."""
