"""What ``symbia-runtime serve`` says of its settings, and of wrong ones."""

import re

import pytest

from service.settings.table import TABLE
from tests.service.serving import run_command


def test_the_help_says_what_each_setting_may_be() -> None:
    """Its names, what it does, its values with their unit, and its default."""
    result = run_command("serve", "--help", environment={"COLUMNS": "80"})
    text = re.sub(r"\s+", "", result.stdout.decode())
    for row in TABLE:
        default = f"default: {row.default}" if row.default else "unset by default"
        said = f"{', '.join(row.variables)} {row.description} [{row.kind.expected}; {default}]"
        assert re.sub(r"\s+", "", said) in text, row.variables  # lines are broken at hyphens, too
    assert result.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "complaint"),
    [
        (["--port", "x"], {}, b"Error: --port='x' is not usable: expected a whole number from 0 to 65535.\n"),
        (["--host", "a b"], {}, b"Error: --host='a b' is not usable: expected an address or a host name"),
        (["--host", "0.0.0.0"], {}, b"Error: --host='0.0.0.0' would serve other machines"),
        ([], {"PORT": "x"}, b"Error: PORT='x' is not usable"),
        ([], {"RUNTIME_PORT": "x"}, b"Error: RUNTIME_PORT='x' is not usable"),
        ([], {"HOST": "0.0.0.0"}, b"Error: HOST='0.0.0.0' would serve other machines"),
    ],
)
def test_a_wrong_value_is_called_what_its_author_called_it(
    arguments: list[str], environment: dict[str, str], complaint: bytes
) -> None:
    """An option is named as an option, and a variable as the variable that was set."""
    result = run_command("serve", *arguments, environment=environment)
    assert (result.returncode, result.stderr.startswith(complaint)) == (2, True), result.stderr
