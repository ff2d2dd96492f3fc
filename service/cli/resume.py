"""``symbia-runtime resume``."""

from service.cli.remote.controls import control

command = control("resume", "Let paused EXECUTIONS go on, with what they hold first.")
