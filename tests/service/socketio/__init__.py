"""Tests of ``service.socketio``."""
