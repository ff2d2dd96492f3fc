"""Other implementations' clients, which the tests run as programs of their own against a real server."""
