"""Graphs by what people type, and the small texts of tables."""

from datetime import UTC, datetime, timedelta

import click
import pytest

from service.cli.remote.address import ServiceAddress, service_address, service_options
from service.cli.remote.client import ServiceError
from service.cli.remote.lookup import SeenGraph, meant_graph, slug
from service.cli.remote.tables import age_of

GRAPHS = [
    SeenGraph("aaaa1111", "Order Prices", "1.0.0"),
    SeenGraph("bbbb2222", "Orders", "1.0.0"),
    SeenGraph("bbbb3333", "Orders", "1.1.0"),
]


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("aaaa", "aaaa1111"),  # the beginning of an id
        ("bbbb2222", "bbbb2222"),  # an id goes before all
        ("Orders", "bbbb3333"),  # of several of one name the newest
        ("orders", "bbbb3333"),
        ("order-p", "aaaa1111"),  # the beginning of a name, as a shell takes it
        ("ORDER P", "aaaa1111"),
    ],
)
def test_a_graph_is_meant(text: str, identifier: str) -> None:
    """By its id, its name, or the beginning of either."""
    graph = meant_graph(GRAPHS, text)
    assert graph is not None
    assert graph.id == identifier


def test_what_may_mean_several_is_refused_with_all_of_them() -> None:
    """Nothing is guessed."""
    with pytest.raises(ServiceError, match=r"(?s)'order' may mean any of these.*Order Prices.*Orders"):
        meant_graph(GRAPHS, "order")
    assert meant_graph(GRAPHS, "aaa") is None  # too few characters of an id
    assert meant_graph(GRAPHS, "") is None


@pytest.mark.parametrize(
    ("name", "expected"), [("Simple Pipeline", "simple-pipeline"), ("a/b: c", "a-b-c"), ("→", "→")]
)
def test_a_name_becomes_what_a_shell_takes(name: str, expected: str) -> None:
    """Letters and digits stay; a name without any is itself."""
    assert slug(name) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (7_300, "2 h"), (200_000, "2 d")]
)
def test_an_age_has_one_unit(seconds: int, expected: str) -> None:
    """The largest that fits; clocks of two machines may differ."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert age_of((now - timedelta(seconds=seconds)).isoformat(), now) == expected


def test_what_is_typed_goes_before_variables_and_what_stands_later_before_what_stands_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A group and its command both take the options of the service."""
    seen: list[ServiceAddress] = []

    @click.group()
    @service_options
    def group() -> None: ...

    @group.command()
    @service_options
    def command() -> None:
        seen.append(service_address())

    monkeypatch.setenv("SYMBIA_URL", "http://variable")
    monkeypatch.setenv("SYMBIA_TOKEN", "secret")
    for line in (
        ["command"],
        ["--url", "http://group/", "command"],
        ["--url", "http://group", "command", "--url", "http://command"],
    ):
        group(line, standalone_mode=False)
    assert [address.url for address in seen] == ["http://variable", "http://group", "http://command"]
    assert seen[0].headers == (("Authorization", "Bearer secret"),)
    with pytest.raises(click.UsageError, match="characters that no header can have"):
        group(["command", "--org", "a\nb"], standalone_mode=False)
