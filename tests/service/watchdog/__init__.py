"""Tests of service/watchdog."""
