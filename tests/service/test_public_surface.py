"""What the service shows to the outside is listed in ``public_surface.txt``; no move inside may change it.

A line of it is a promise to somebody: a route, an event, a command, a setting with its default, a metric, a verb
of the command line, a refusal, a component. Whoever means to change one says so in the changelog, and writes the
list anew with ``python -m tests.service.test_public_surface``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar, get_args

import click
import trio
from prometheus_client.parser import text_string_to_metric_families

from engine.cooperative.slices import in_slices
from engine.errors import EngineError
from engine.runtime import open_runtime
from proto import events
from service import problems
from service.app import create_app
from service.cli.main import COMMANDS, cli
from service.http.openapi.document import openapi_document
from service.metrics_page import Metrics
from service.problems import RefusalError
from service.readiness import Readiness
from service.settings.table import TABLE, Settings
from service.siblings.status import Siblings
from tests.service.live.live_runtime import open_live_runtime

T = TypeVar("T", EngineError, RefusalError)

LIST = Path(__file__).parent / "public_surface.txt"


async def test_what_the_service_shows_is_what_is_listed() -> None:
    """Nothing has gone, nothing has come, nothing has another name."""
    assert (await surface()).splitlines() == LIST.read_text(encoding="utf-8").splitlines()


async def surface() -> str:
    """All that is promised, one promise a line."""
    async with open_runtime() as runtime:
        siblings = Siblings()
        siblings.add("catalog").succeeded()
        readiness = Readiness(siblings)
        application = create_app(runtime, Settings(), readiness)
        metrics = Metrics(runtime, readiness)
        metrics.http.count("GET", "/x", 200, 0.1)
        page = (await metrics.page()).decode()
        components = sorted(definition.id for definition in runtime.library.components())
    async with open_live_runtime() as live:
        commands = sorted(live.open_client().session._commands)
    lines = [
        *_routes(await in_slices(openapi_document(application))),
        *(f"command {name}" for name in commands),
        *sorted(f"event {shape.name} {_fields(shape)}" for shape in get_args(events.Event)),
        *(f"setting {' '.join(row.variables)} = {row.default}" for row in TABLE),
        *sorted(_metrics(page)),
        *VERBS,
        *sorted(_refusals()),
        *(f"component {name}" for name in components),
    ]
    return "\n".join(lines) + "\n"


def _routes(document: dict[str, object]) -> Iterator[str]:
    paths = document["paths"]
    assert isinstance(paths, dict)
    for path, item in sorted(paths.items()):
        for method, described in sorted(item.items()):
            if method != "servers":
                statuses = " ".join(sorted(described["responses"]))
                yield f"route {method.upper()} {path} {described['operationId']}: {statuses}"


def _fields(shape: type) -> str:
    return " ".join(getattr(shape, "__struct_encode_fields__", ()))


def _metrics(page: str) -> Iterator[str]:
    for family in text_string_to_metric_families(page):
        labels = sorted({label for sample in family.samples for label in sample.labels})
        yield f"metric {family.name} {family.type} {' '.join(labels)}".rstrip()


def _verbs() -> Iterator[str]:
    with click.Context(cli) as context:
        for name in COMMANDS:
            command = cli.get_command(context, name)
            assert command is not None
            yield f"verb {name} {_options(command)}"
            for inner in getattr(command, "commands", {}).values():
                yield f"verb {name} {inner.name} {_options(inner)}"


def _options(command: click.Command) -> str:
    return " ".join(sorted(option for parameter in command.params for option in parameter.opts))


def _refusals() -> Iterator[str]:
    """Codes for programs, with the statuses that go with them."""
    kinds: list[type[EngineError | RefusalError]] = [*_heirs(EngineError), *_heirs(RefusalError)]
    for kind in kinds:
        status = problems.status_of(kind)
        yield f"refusal {kind.code} {'none' if status is None else status.value}"


def _heirs(kind: type[T]) -> Iterator[type[T]]:
    yield kind
    for heir in kind.__subclasses__():
        yield from _heirs(heir)


VERBS = list(_verbs())  # imports the commands: no step of a task has time for that


if __name__ == "__main__":
    LIST.write_text(trio.run(surface), encoding="utf-8")
