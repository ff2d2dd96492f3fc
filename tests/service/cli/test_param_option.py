"""``--param``: how values are read, and what ``run`` makes of them."""

import json
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner

from service.cli.param_option import param_option
from tests.service.serving import run_command

GRAPH: dict[str, Any] = {
    "symbia": "1.0",
    "name": "g",
    "parameters": {"rate": {"type": "number"}, "who": {"default": "nobody"}},
    "nodes": [
        {"id": "a", "component": "symbia.core.map", "config": {"expression": "[value * param.rate, param.who]"}},
        {"id": "b", "component": "symbia.core.logger", "config": {"level": "warn", "message": "${env.REGION}"}},
        {
            "id": "c",
            "component": "symbia.io.http-request",
            "config": {"url": "http://127.0.0.1:1/${secret.TOKEN}"},
            "onError": "continue",
        },
    ],
    "edges": [
        {"source": {"node": "a", "port": "out"}, "target": {"node": "b", "port": "in"}},
        {"source": {"node": "b", "port": "out"}, "target": {"node": "c", "port": "in"}},
    ],
}


@click.command()
@param_option
def _shown(parameters: dict[str, msgspec.Raw]) -> None:
    """Print what was read."""
    click.echo({name: bytes(value).decode() for name, value in parameters.items()})


def read(*texts: str) -> tuple[int, str]:
    """The exit status, and what was read or said."""
    result = CliRunner().invoke(_shown, [part for text in texts for part in ("--param", text)])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("rate=0.07", "rate", "0.07"),
        ("on=true", "on", "true"),
        ("who=Ada", "who", '"Ada"'),
        ('who="7"', "who", '"7"'),
        ("who=", "who", '""'),
        ("a=b=c", "a", '"b=c"'),
        ('rates={"eur": [1]}', "rates", '{"eur": [1]}'),
        ("open={", "open", '"{"'),
        ("big=12345678901234567890", "big", "12345678901234567890"),
    ],
)
def test_a_value_is_json_or_else_a_text(text: str, name: str, value: str) -> None:
    """Nobody has to quote a word twice."""
    assert read(text) == (0, f"{ {name: value} }\n")


@pytest.mark.parametrize(
    ("texts", "said"),
    [(["rate"], "write NAME=VALUE"), (["=1"], "write NAME=VALUE"), (["a=1", "a=2"], "a is given twice")],
)
def test_what_is_no_parameter_is_said(texts: list[str], said: str) -> None:
    """The status is that of a wrong command."""
    status, output = read(*texts)
    assert status == 2
    assert said in output


def test_a_run_has_parameters_variables_and_secrets(tmp_path: Path) -> None:
    """Values of the command line and of this process reach the graph, and a secret is not shown."""
    file = tmp_path / "graph.json"
    file.write_text(json.dumps(GRAPH))
    around = {"GRAPH_ENV_NAMES": "REGION", "REGION": "eu", "SECRET_TOKEN": "a-secret-token"}
    arguments = ("run", str(file), "--inject", "a:in=2")
    refused = run_command(*arguments, "--param", "rat=1", environment=around)
    done = run_command(*arguments, "--param", "rate=1.5", "--param", "who=Ada", environment=around)
    assert refused.returncode == 2
    assert b"Parameter rate is required" in refused.stderr
    assert b"did you mean rate?" in refused.stderr
    assert done.returncode == 0
    assert b'eu [3,"Ada"]' in done.stderr
    assert b"127.0.0.1" in done.stderr
    assert b"a-secret-token" not in done.stdout + done.stderr
