"""The option ``--param``, which gives parameters of a graph their values."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from proto.codec import MalformedJsonError, check_depth, encode

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


def param_option(function: AnyFunction) -> AnyFunction:
    """Give a command ``--param``, which may come several times."""
    return click.option(
        "--param",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_read,
        help="Give a parameter of the graph this value: JSON, or else a text.",
    )(function)


def _read(_context: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> dict[str, msgspec.Raw]:
    values: dict[str, msgspec.Raw] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--param: {text!r} is no parameter; write NAME=VALUE, such as rate=0.07")
        if name in values:
            raise click.UsageError(f"--param: {name} is given twice")
        values[name] = msgspec.Raw(_as_json(value))
    return values


def _as_json(value: str) -> bytes:
    """Return the JSON text that a value is, or the text that it is otherwise, as JSON."""
    try:
        data = value.encode()
        check_depth(data)
        return bytes(msgspec.json.decode(data, type=msgspec.Raw))
    except (msgspec.DecodeError, MalformedJsonError, UnicodeEncodeError):
        return encode(value)
