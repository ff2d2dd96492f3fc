"""docs/platform.md: what it says to type and to set is what this service takes."""

import re
import shlex

import pytest

from engine.compile.fields import FIELDS
from engine.components.fields import COMPONENT, CONFIG_FIELD, PORT
from service.cli.findings import Grade
from service.settings.table import TABLE, Settings, read_settings
from tests.deploy.dockerfile import stages_of
from tests.service.serving import ROOT

PAGE = (ROOT / "docs" / "platform.md").read_text(encoding="utf-8")
COMPOSITION = {
    "NETWORK_SERVICE_URL": "http://network:5009",
    "NODE_ENV": "production",
    "PORT": "5006",
    "DATABASE_URL": "postgresql://symbia:symbia_dev@postgres:5432/runtime",
    "IDENTITY_SERVICE_URL": "http://identity:5001",
    "CATALOG_SERVICE_URL": "http://catalog:5003",
    "LOGGING_SERVICE_URL": "http://logging:5002",
}
"""The environment that the platform's composition gives its runtime."""


def serves_everybody(settings: Settings) -> bool:
    """Whether other machines are served, and callers recognised."""
    return settings.host == "0.0.0.0" and not settings.loopback_only


def test_the_environment_of_the_composition_is_enough() -> None:
    """With what the image says itself every variable is known, every sibling found, and callers are recognised."""
    image = stages_of(ROOT / "Dockerfile")[-1].environment
    known = {variable for row in TABLE for variable in row.variables}
    assert set(COMPOSITION) <= known
    settings = read_settings({**image, **COMPOSITION})
    assert serves_everybody(settings)
    assert settings.catalog.url == COMPOSITION["CATALOG_SERVICE_URL"]
    assert (settings.telemetry.is_active, settings.network.is_active, settings.port) == (True, True, 5006)


def test_the_lines_beside_start_local_are_enough() -> None:
    """What is exported there is a whole environment, too."""
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    words = [word for line in block.splitlines() if "export" in line for word in shlex.split(line)[1:]]
    settings = read_settings(dict(word.split("=", 1) for word in words))
    assert serves_everybody(settings)
    assert (settings.catalog.url, settings.telemetry.is_active) == ("http://localhost:5003", True)


@pytest.mark.parametrize(
    "said", re.findall(r"`([A-Z_]+=[a-z]+)`", PAGE.split("## What differs by design")[1]), ids=str
)
def test_what_makes_it_the_same_changes_something(said: str) -> None:
    """Each setting that matches the platform is one, with a value that it takes and that is not its default."""
    name, value = said.split("=")
    assert read_settings({name: value}) != read_settings({})


def test_every_grade_is_explained() -> None:
    """The table of what doctor says has each word that its lines begin with."""
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert tuple(rows) == Grade.__args__  # type: ignore[attr-defined]  # a Literal has them


def test_what_is_taken_and_means_nothing_is_listed() -> None:
    """Each table of fields has its row, with no field more or less."""
    rows = {
        "a graph": FIELDS["graph"],
        "a node": FIELDS["node"],
        "an edge": FIELDS["edge"],
        "a component": COMPONENT,
        "a port of a component": PORT,
        "a configuration key": CONFIG_FIELD,
    }
    for title, known in rows.items():
        (row,) = re.findall(rf"^\| {title} \| (.*) \|$", PAGE, re.MULTILINE)
        assert set(re.findall(r"`([^`]+)`", row)) == known.free, title
