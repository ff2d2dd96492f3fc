"""``symbia-runtime pause``."""

from service.cli.remote.controls import control

command = control("pause", "Hold the messages of EXECUTIONS; when this is done no handler of theirs runs.")
