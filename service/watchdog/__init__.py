"""What ends the service when it does not end by itself, and says what held it."""
