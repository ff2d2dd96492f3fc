"""``symbia-runtime complete``."""

from service.cli.remote.controls import control

command = control("complete", "Say that no more input comes to EXECUTIONS; they end when they have drained.")
