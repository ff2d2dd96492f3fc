"""Settings: reading, complaints, and the documentation made from the same table."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.addresses.ip import is_loopback
from service.settings.page import settings_table
from service.settings.table import TABLE, Settings, SettingsError, read_settings

DOCS = Path(__file__).parents[3] / "docs" / "settings.md"
VARIABLES = [variable for row in TABLE for variable in row.variables]

# The specification's table, copied from its section "Configuration".
SPECIFIED = {
    "PORT": 5006,
    "MAX_CONCURRENT_EXECUTIONS": 100,
    "DEFAULT_EXECUTION_TIMEOUT": 300_000,
    "MAX_BACKPRESSURE_QUEUE": 10_000,
    "ISOLATE_POOL_SIZE": 10,
    "ENABLE_METRICS": True,
}


def _value(settings: Settings, variable: str) -> object:
    return next(row.value_in(settings) for row in TABLE if variable in row.variables)


def test_an_empty_environment_gives_the_specified_defaults() -> None:
    """Without any variable, each setting of the specification has the specification's default."""
    settings = read_settings({})
    assert {name: _value(settings, name) for name in SPECIFIED} == SPECIFIED


def _fields(group: msgspec.Struct, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all fields of a group that are no groups."""
    for name in group.__struct_fields__:
        value = getattr(group, name)
        if type(value).__name__.endswith("Settings"):
            yield from _fields(value, (*path, name))
        else:
            yield (*path, name)


def test_every_field_is_a_setting_and_has_variables_of_its_own() -> None:
    """No setting can exist without a variable, a description and documentation."""
    assert [row.path for row in TABLE] == list(_fields(Settings()))
    assert len(set(VARIABLES)) == len(VARIABLES)


def test_every_default_can_be_written_into_its_variable() -> None:
    """What the documentation shows as a default reads back as that default."""
    environment = {row.variables[0]: row.default for row in TABLE if row.default}
    assert read_settings(environment) == Settings()


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("PORT", "8080", 8080),
        ("PORT", " 8080 ", 8080),
        ("MAX_CONCURRENT_EXECUTIONS", "7", 7),
        ("DEFAULT_EXECUTION_TIMEOUT", "0", 0),
        ("ENABLE_METRICS", "False", False),
        ("ENABLE_METRICS", "0", False),
        ("CACHE_FOLDER", "/var/cache/x", Path("/var/cache/x")),
        ("LOG_FORMAT", "JSON", "json"),
        ("HOST", "::1", "::1"),
    ],
)
def test_a_variable_sets_its_field(variable: str, text: str, value: object) -> None:
    """A right value reaches the field of its row."""
    assert _value(read_settings({variable: text}), variable) == value


def test_runtime_port_goes_before_port() -> None:
    """Where both are set the more specific one counts."""
    assert read_settings({"RUNTIME_PORT": "1234", "PORT": "80"}).port == 1234


def test_an_empty_variable_counts_as_absent() -> None:
    """Orchestrators pass variables on that nobody set; they do not undo a default."""
    assert read_settings({"PORT": "", "RUNTIME_PORT": " "}).port == 5006


def test_all_wrong_values_are_reported_at_once() -> None:
    """Each complaint names the variable, the value and what is expected."""
    with pytest.raises(SettingsError) as caught:
        read_settings({"PORT": "70000", "ENABLE_METRICS": "maybe", "LOG_LEVEL": "loud"})
    assert caught.value.complaints == (
        "PORT='70000' is not usable: expected a whole number from 0 to 65535.",
        "ENABLE_METRICS='maybe' is not usable: expected true or false.",
        "LOG_LEVEL='loud' is not usable: expected debug or info or warning or error.",
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org"])
def test_other_machines_are_not_served_without_saying_so(host: str) -> None:
    """A host that others can reach is refused, with the way out, until AUTH=none."""
    with pytest.raises(SettingsError, match="AUTH=none"):
        read_settings({"HOST": host})
    assert read_settings({"HOST": host, "AUTH": "none"}).host == host


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("[::1]", True),
        ("::1", True),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("2130706433", False),
        ("", False),
    ],
)
def test_loopback_is_recognised_by_the_address_alone(host: str, expected: bool) -> None:
    """Only what can mean nothing but this machine counts as loopback."""
    assert is_loopback(host) is expected


@given(environment=st.dictionaries(st.sampled_from(VARIABLES), st.text(max_size=80)))
def test_any_environment_gives_settings_or_complaints(environment: dict[str, str]) -> None:
    """Whatever the variables hold, they are read or refused by name; nothing else is raised."""
    try:
        complaints: tuple[str, ...] = ()
        assert isinstance(read_settings(environment), Settings)
    except SettingsError as error:
        complaints = error.complaints
    assert all(any(name in complaint for name in environment) for complaint in complaints)


def test_the_documentation_holds_the_table() -> None:
    """docs/settings.md shows exactly the rows that the program reads."""
    assert settings_table() in DOCS.read_text()


@pytest.mark.parametrize("enforcement", ["strict", "warn"])
def test_a_gate_without_a_catalog_is_refused(enforcement: str) -> None:
    """Who asks for manifests must not believe that somebody looks; with a catalog, or off, all is well."""
    asked = {"RUNTIME_MANIFEST_ENFORCEMENT": enforcement}
    with pytest.raises(SettingsError, match=f"RUNTIME_MANIFEST_ENFORCEMENT={enforcement} asks for the manifests"):
        read_settings(asked)
    url = "http://localhost:5003/api"
    assert read_settings({**asked, "CATALOG_ENDPOINT": url}).catalog.url == url
    assert read_settings({"RUNTIME_MANIFEST_ENFORCEMENT": "OFF"}).catalog.manifest_enforcement == "off"


def test_the_catalogs_token_does_not_show_itself() -> None:
    """Neither where it is wrong nor where settings are printed."""
    settings = read_settings({"CATALOG_INTERNAL_SERVICE_TOKEN": "s3cret"})
    assert settings.catalog.internal_service_token == "s3cret"
    assert "s3cret" not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        read_settings({"CATALOG_INTERNAL_SERVICE_TOKEN": "s3cret with spaces"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "executions", "instances"),
    [
        ({}, 0, 0),
        ({"AUTH": "none"}, 0, 0),
        ({"AUTH": "identity"}, 50, 1_000),
        ({"AUTH": "identity", "MAX_CONCURRENT_EXECUTIONS": "1"}, 1, 1_000),
        ({"AUTH": "identity", "ORG_MAX_EXECUTIONS": "80", "ORG_MAX_INSTANCES": "30"}, 80, 30),
        ({"AUTH": "identity", "ORG_MAX_EXECUTIONS": "0", "ORG_MAX_INSTANCES": "0"}, 0, 0),
        ({"ORG_MAX_EXECUTIONS": "7"}, 7, 0),
    ],
)
def test_an_organisation_gets_half_unless_told_otherwise(
    environment: dict[str, str], executions: int, instances: int
) -> None:
    """Where callers are recognised, nobody alone can take everything; without owners everything is for one."""
    limits = read_settings(environment).engine_limits()
    assert (limits.owner_executions, limits.owner_instances) == (executions, instances)


def test_worker_processes_are_set() -> None:
    """The variables reach the bounds of the pool."""
    settings = read_settings({"WORKER_PROCESSES": "5", "WORKER_MEMORY_BYTES": "1000000000"})
    assert (settings.workers.bounds().processes, settings.workers.bounds().memory_bytes) == (5, 1_000_000_000)
