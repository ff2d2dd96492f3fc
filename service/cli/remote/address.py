"""The service that a command speaks to: options that all such commands have, or variables of the environment."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec
from click.core import ParameterSource

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

DEFAULT_URL = "http://127.0.0.1:5006"
_META = "symbia.service"
_OPTIONS = {
    "url": ("SYMBIA_URL", "Where the service is; or SYMBIA_URL."),
    "token": ("SYMBIA_TOKEN", "A bearer token; better in SYMBIA_TOKEN, which nobody sees."),
    "api_key": ("SYMBIA_API_KEY", "An API key; likewise SYMBIA_API_KEY."),
    "org": ("SYMBIA_ORG_ID", "The organisation to act for; or SYMBIA_ORG_ID."),
}


class ServiceAddress(msgspec.Struct, frozen=True):
    """The place of a service, and who asks there.

    Attributes:
        url: such as ``http://127.0.0.1:5006``; a path before ``/api`` may follow, without a slash at its end.
        headers: names and values that say who asks; those that are not known are left out.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()


def service_options(function: AnyFunction) -> AnyFunction:
    """Give a command ``--url``, ``--token``, ``--api-key`` and ``--org``; :func:`service_address` reads them.

    A group and its commands may both have them: what stands nearer to the end of the line holds.
    """
    for name, (variable, text) in reversed(_OPTIONS.items()):
        option = click.option(
            f"--{name.replace('_', '-')}",
            envvar=variable,
            default=DEFAULT_URL if name == "url" else None,
            show_default=name == "url",
            help=text,
            expose_value=False,
            is_eager=True,
            callback=_keep,
        )
        function = option(function)
    return function


def service_address(ctx: click.Context | None = None) -> ServiceAddress:
    """Return the service that the options of the command name.

    Raises:
        click.UsageError: what is to be sent cannot stand in a header.
    """
    known: dict[str, str] = (ctx or click.get_current_context()).meta.get(_META, {})
    token = known.get("token")
    named = {
        "X-API-Key": known.get("api_key"),
        "X-Org-Id": known.get("org"),
        "Authorization": f"Bearer {token}" if token else None,
    }
    headers = tuple((name, value) for name, value in named.items() if value)
    for name, value in headers:
        if not (value.isascii() and value.isprintable()):
            raise click.UsageError(f"What is to be sent as {name} has characters that no header can have")
    return ServiceAddress(known.get("url", DEFAULT_URL).rstrip("/"), headers)


def _keep(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Keep an option for :func:`service_address`; what was typed goes before variables and defaults."""
    name = parameter.name or ""
    kept = ctx.meta.setdefault(_META, {})
    if value is not None and (name not in kept or ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE):
        kept[name] = value
