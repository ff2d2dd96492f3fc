"""The options by which messages come: ``--inject``, ``--stdin`` and ``--stdin-to``."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import click

from proto.message import Injection
from service.cli.inject_syntax import (
    InjectionSyntaxError,
    parse_argument,
    parse_message_line,
    parse_port,
    parse_value_line,
)

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

Parse = Callable[[bytes], Injection]
"""A function that makes a message of one line, or raises InjectionSyntaxError."""


def inject_option(function: AnyFunction) -> AnyFunction:
    """Give a command ``--inject``, which may come several times."""
    return click.option(
        "--inject",
        "arguments",
        multiple=True,
        metavar="NODE:PORT=JSON",
        help="Inject this value, such as input:in=21.",
    )(function)


def stdin_options(function: AnyFunction) -> AnyFunction:
    """Give a command ``--stdin`` and ``--stdin-to``; :func:`line_parser` reads them."""
    for option in (
        click.option(
            "--stdin-to", metavar="NODE:PORT", help="Inject each line of standard input, a JSON value, here."
        ),
        click.option(
            "--stdin", is_flag=True, help='Inject each line {"nodeId", "port", "value"} of standard input.'
        ),
    ):
        function = option(function)
    return function


def parsed_arguments(arguments: Sequence[str], option: str) -> list[Injection]:
    """Make messages of what was typed.

    Raises:
        click.UsageError: one of them is none; the message begins with the name of the option.
    """
    try:
        return [parse_argument(argument) for argument in arguments]
    except InjectionSyntaxError as error:
        raise click.UsageError(f"{option}: {error}") from error


def line_parser(*, stdin: bool, stdin_to: str | None) -> Parse | None:
    """Return the function that makes a message of a line of standard input; None when it is not to be read.

    Raises:
        click.UsageError: both options are given, what should be a port is none, or there is no standard input.
    """
    if stdin and stdin_to is not None:
        raise click.UsageError("Give either --stdin or --stdin-to, not both")
    if (stdin or stdin_to is not None) and sys.stdin is None:
        raise click.UsageError("Standard input is closed; --stdin and --stdin-to read it")
    if stdin_to is None:
        return parse_message_line if stdin else None
    try:
        return partial(parse_value_line, port=parse_port(stdin_to))
    except InjectionSyntaxError as error:
        raise click.UsageError(f"--stdin-to: {error}") from error
