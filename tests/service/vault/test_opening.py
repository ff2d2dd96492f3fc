"""Vaults: what is in them, and whose it is."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from engine.contracts.surroundings import Surroundings
from service.cli import doctor, serve
from service.settings.graph_values import GraphValueSettings
from service.settings.table import SettingsError, graph_value_settings, read_settings
from service.vault.opening import OperatorVault, read_vault
from service.vault.opening import vault_of as vault_of_service

VALUE = "a-secret-value"


def vault_of(*, known: bool = False, **environment: str) -> OperatorVault:
    """The vault of a service with this environment; ``known`` where it knows of organisations."""
    return read_vault(graph_value_settings(environment), environment, are_callers_known=known)


def complaints_of(**environment: str) -> str:
    """What is wrong with an environment."""
    with pytest.raises(SettingsError) as refusal:
        vault_of(known=False, **environment)
    return str(refusal.value)


def test_nothing_is_there_unless_the_operator_says_so() -> None:
    """Without settings graphs may use neither variables nor secrets."""
    vault = read_vault(GraphValueSettings(), {"HOME": "/root", "PATH": "/bin"}, are_callers_known=False)
    assert (vault.of("").env, vault.of("").secrets) == ({}, {})


def test_variables_are_those_that_are_named() -> None:
    """Names and patterns choose variables; credentials of the service are never among them."""
    vault = vault_of(
        GRAPH_ENV_NAMES="REGION, SHOP_*,acme:ONLY_?,*",
        REGION="eu",
        SHOP_A="1",
        ONLY_A="2",
        TELEMETRY_API_KEY="k",
        JWT_SECRET="s" * 40,
        SECRET_X=VALUE,
        DATABASE_URL="d",
    )
    assert vault.of("").env == vault.of("other").env
    assert {"REGION", "SHOP_A", "ONLY_A"} <= vault.of("").env.keys()
    assert not {"TELEMETRY_API_KEY", "JWT_SECRET", "SECRET_X", "DATABASE_URL"} & vault.of("").env.keys()


def test_a_variable_may_be_of_one_organisation() -> None:
    """An organisation before the colon has it alone."""
    vault = vault_of(GRAPH_ENV_NAMES="acme:REGION", REGION="eu", known=True)
    assert [vault.of(owner).env for owner in ("acme", "other", "")] == [{"REGION": "eu"}, {}, {}]


@pytest.mark.parametrize(
    ("known", "said", "whose"),
    [
        (False, {}, ["", "acme", "other"]),
        (True, {}, []),
        (True, {"SECRETS_ORG_ID": "acme"}, ["acme"]),
        (True, {"SECRETS_ORG_ID": "*"}, ["", "acme", "other"]),
        (False, {"SECRETS_ORG_ID": "acme"}, ["acme"]),
    ],
)
def test_a_secret_is_everybodys_only_where_nobody_is_asked_or_the_operator_says_so(
    tmp_path: Path, *, known: bool, said: dict[str, str], whose: list[str]
) -> None:
    """Where callers are recognised, a secret of which nothing is said is nobody's."""
    file = tmp_path / "s.json"
    file.write_text(json.dumps({"b.c": VALUE}))
    vault = vault_of(known=known, SECRET_A=VALUE, SECRETS_FILE=str(file), **said)
    found = [owner for owner in ("", "acme", "other") if vault.of(owner).secrets == {"A": VALUE, "b.c": VALUE}]
    assert found == whose
    assert all(not vault.of(owner).secrets for owner in ("", "acme", "other") if owner not in whose)


def test_a_file_may_say_whose_each_secret_is(tmp_path: Path) -> None:
    """An organisation has its own and everyone's, and its own go first."""
    file = tmp_path / "s.yaml"
    file.write_text(
        "everyone: {shared: everyones-text, key: everyones-key}\n"
        "organisations:\n  acme: {key: the-key-of-acme}\n  other: {own: the-text-of-other}\n"
    )
    vault = vault_of(known=True, SECRETS_FILE=str(file))
    assert vault.of("acme").secrets == {"shared": "everyones-text", "key": "the-key-of-acme"}
    assert vault.of("other").secrets == {
        "shared": "everyones-text",
        "key": "everyones-key",
        "own": "the-text-of-other",
    }
    assert vault.of("third").secrets == {"shared": "everyones-text", "key": "everyones-key"}


def test_a_file_of_lines_and_a_file_for_one_secret_are_read(tmp_path: Path) -> None:
    """``.env`` files, and files that a variable names, as container platforms mount them."""
    lines, one = tmp_path / "s.env", tmp_path / "one"
    lines.write_text("# keys\nexport A = 'quoted value'\n\nB=plain=value==\n")
    one.write_text("from-a-file\n")
    vault = vault_of(SECRETS_FILE=str(lines), SECRET_C_FILE=str(one))
    assert vault.of("").secrets == {"A": "quoted value", "B": "plain=value==", "C": "from-a-file"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("s.json", '{"a": "the-secret-value",', "no JSON"),
        ("s.yaml", "a: [the-secret-value", "no YAML, at line"),
        ("s.json", '["the-secret-value"]', "no names"),
        ("s.yaml", "a: 12345678", "'a' is no text; put it into quotes"),
        ("s.json", '{"everyone": {}, "organisations": {"x": {}}, "more": {}}', "nothing else"),
        ("s.json", '{"organisations": {"x": "the-secret-value"}}', "has names"),
        ("s.json", '{"everyone": {}, "organisations": {"x": ["the-secret-value"]}}', "has names"),
        ("s.env", "the-secret-value", "line 1 is not NAME=value"),
        ("s.env", "A=the-secret-value\nA=the-secret-value", "line 2 gives A a second time"),
        ("s.json", '{"a": "short"}', "has 5 characters: 8 to"),
        ("s.json", '{"a b": "the-secret-value"}', "'a b': its name"),
        ("s.json", '{"a": "          "}', "is empty"),
        ("s.json", '{"a": "' + "x" * 16_385 + '"}', "has 16385 characters"),
        ("s.json", " " * 1_048_577, "more than 1048576 bytes"),
    ],
)
def test_what_is_no_secret_is_refused_without_showing_it(tmp_path: Path, name: str, text: str, said: str) -> None:
    """The service does not start, and says what is wrong without a value."""
    file = tmp_path / name
    file.write_text(text)
    complaints = complaints_of(SECRETS_FILE=str(file))
    assert said in complaints
    assert "the-secret-value" not in complaints


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"SECRETS_FILE": "relative.json"}, "SECRETS_FILE='relative.json' is not usable"),
        ({"SECRETS_FILE": "/no/such/file.json"}, "SECRETS_FILE names a file that cannot be read"),
        ({"SECRET_A_FILE": "/no/such/file"}, "SECRET_A_FILE names a file that cannot be read"),
        ({"SECRET_A": VALUE, "SECRET_A_FILE": "/dev/null"}, "are both set"),
        ({"SECRET_A": "short"}, "The secret A has 5 characters"),
        ({"GRAPH_ENV_NAMES": "A B"}, "GRAPH_ENV_NAMES='A B' is not usable"),
        ({"SECRETS_ORG_ID": "a b"}, "SECRETS_ORG_ID='a b' is not usable"),
    ],
)
def test_wrong_settings_are_told(environment: dict[str, str], said: str) -> None:
    """Each says which variable it is."""
    assert said in complaints_of(**environment)


def test_neither_a_vault_nor_what_it_gives_shows_a_secret() -> None:
    """What is printed by accident holds no value."""
    vault = vault_of(SECRET_A=VALUE)
    around = vault.of("")
    assert around == Surroundings(secrets={"A": VALUE})
    assert VALUE not in f"{vault!r} {around!r} {around}"


@pytest.mark.parametrize("command", [serve.command, doctor.command])
def test_a_service_with_a_wrong_secret_does_not_start(command: click.Command) -> None:
    """It is a wrong setting: status 2, and a sentence that names the variable and not the value."""
    result = CliRunner(env={"SECRET_A": "short-1", "AUTH": "none", "PORT": "0"}).invoke(command)
    assert result.exit_code == 2
    assert "The secret A has 7 characters" in result.output
    assert "short-1" not in result.output


def test_what_nobody_claims_is_nobodys_in_a_service_that_knows_its_callers() -> None:
    """Organisations are known where the settings of identity say so."""
    environment = {"SECRET_A": VALUE, "IDENTITY_SERVICE_URL": "http://127.0.0.1:1"}
    assert vault_of_service(read_settings(environment), environment).of("acme").secrets == {}
    alone = {"SECRET_A": VALUE}
    assert vault_of_service(read_settings(alone), alone).of("").secrets == {"A": VALUE}
