"""The command line: ``symbia-runtime serve`` and what else ``COMMANDS`` lists.

Exit status: 0 done, 1 it failed, 2 the command was wrong, 128 plus the signal when one ended it.
Each command is imported only when it is called, so that none waits for what another needs.
"""

import errno
import gc
import importlib
import os
import signal
import sys
import traceback
from types import FrameType
from typing import Any, NoReturn

import click

from service.cli.innermost import innermost
from service.cli.streams import SIGPIPE_STATUS, complaint_about, discard, has_no_reader, occupy_closed_descriptors
from service.version import version

COMMANDS = {
    "serve": "Serve the HTTP API.",
    "run": "Run one graph in this process, without a server.",
    "check": "Say everything that is wrong with graphs, components, cases and routines.",
    "test": "Run test cases of components and graphs.",
    "replay": "Run a recording again, and say where it is not the same.",
    "history": "Print what happened in an execution, from a file or a service.",
    "fork": "Go on from a moment of an execution of a service, in another one.",
    "recordings": "List, fetch, send and remove recordings of a service.",
    "schema": "Print the JSON Schema of graphs, components or cases.",
    "import": "Make graphs of those of other tools.",
    "export": "Print a graph as a diagram.",
    "new": "Write a component or a graph to begin with.",
    "types": "Write the types of components in TypeScript.",
    "graphs": "List, show, load and delete graphs of a service.",
    "components": "List, show, register and remove components of a service.",
    "execute": "Start an execution of a graph on a service.",
    "executions": "List, show and forget executions of a service.",
    "edges": "List the edges of an execution of a service, and what waits on one; hold and change it.",
    "bottleneck": "Say what holds an execution of a service up, and why.",
    "break": "Set breakpoints in an execution of a service, and see what they hold.",
    "step": "Let go what a breakpoint holds.",
    "inject": "Push messages into an execution of a service.",
    "outputs": "Print what has left the graph of an execution of a service.",
    "logs": "Print what an execution of a service has logged.",
    "watch": "Watch a running execution of a service.",
    "pause": "Hold the messages of executions of a service.",
    "resume": "Let paused executions of a service go on.",
    "complete": "Say that no more input comes to executions of a service.",
    "stop": "End executions of a service.",
    "reload": "Change what executions of a service run, without losing a message.",
    "rollback": "Take executions of a service back to what they ran before.",
    "doctor": "Check a running service and its siblings.",
    "manifests": "Say what would be written of manifests in the catalog.",
    "completion": "Print what makes a shell complete all this.",
}

MODULES = {"break": "break_", "import": "import_"}
"""The modules of commands whose names are words of Python."""


OUTPUT_ERRORS = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})
"""The errors for which standard output cannot be written; others of the system are told where they are met."""


class LazyGroup(click.Group):
    """A group whose commands live in ``service.cli``, one module each, under the command's name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = _imported(f"service.cli.{MODULES.get(cmd_name, cmd_name)}").command
        return command if isinstance(command, click.Command) else None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OSError as error:
            if error.errno not in OUTPUT_ERRORS:
                raise
            return ctx.exit(_unwritable(error))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx  # the texts are here, so that help imports no command
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version(), prog_name="symbia-runtime")
def cli() -> None:
    """Run dataflow graphs: components joined by edges, JSON messages pushed through them."""


def main() -> None:
    """Run the program: like ``cli``, but an unforeseen error is one line unless LOG_LEVEL is debug."""
    occupy_closed_descriptors()
    signal.signal(signal.SIGTERM, _leave)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, as behind nohup
        signal.signal(signal.SIGINT, _leave)
    try:
        cli(prog_name="symbia-runtime")
    except OSError as error:
        sys.exit(_unwritable(error) if error.errno in OUTPUT_ERRORS else _unforeseen(error))
    except Exception as error:  # noqa: BLE001  the outermost place: nobody else will tell the user
        sys.exit(_unforeseen(error))


def _unforeseen(error: BaseException) -> int:
    """Tell of an error that nobody has foreseen; the exit status."""
    if os.environ.get("LOG_LEVEL", "").lower() == "debug":
        traceback.print_exception(error)
    click.echo(f"Error: {_sentence(error)} (LOG_LEVEL=debug shows where)", err=True)
    return 1


def _unwritable(error: OSError) -> int:
    """Tell that standard output cannot be written; the exit status."""
    discard(sys.stdout)
    click.echo(f"Error: {complaint_about(error)}", err=True)
    return SIGPIPE_STATUS if has_no_reader(error) else 1


def _imported(name: str) -> Any:
    """Import a module without looking for garbage: of 160,000 objects that this makes 2,000 are not kept.

    They are set aside at once, because going through them takes 70 ms (``service.memory.gc_freeze`` does the
    rest).
    """
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """End at once: until a command takes the signal itself, nothing has begun that would have to be ended.

    Without this the first process of a container would not end at all while its command is still being imported,
    because the kernel spares it the signals that it has no handler for.
    """
    del frame
    os._exit(128 + number)


def _sentence(error: BaseException) -> str:
    """Return the first error inside groups of errors, in one line."""
    error = innermost(error)
    return f"{type(error).__name__}: {error}".partition("\n")[0]
