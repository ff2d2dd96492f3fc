"""Tests of service/ingress."""
