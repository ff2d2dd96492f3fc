"""``symbia-runtime new`` and ``types``: what they write passes as it is, and nothing is overwritten."""

import re
import shutil
import subprocess
from pathlib import Path

import click.testing
import pytest

from engine.testing.workbench import open_workbench
from service.cli.check import command as check
from service.cli.new import command as new
from service.cli.test import command as run_cases
from service.cli.types import TYPES
from service.cli.types import command as types

TSC = Path(__file__).parents[2] / "clients/node_modules/typescript/bin/tsc"


def run(command: click.Command, *arguments: str | Path) -> click.testing.Result:
    return click.testing.CliRunner().invoke(command, list(map(str, arguments)))


def test_what_is_written_passes_check_and_test(tmp_path: Path) -> None:
    """Components in both languages and a graph pass check and test as they are."""
    for arguments in (["component", "sum"], ["component", "acme.total", "--typescript"], ["graph", "flow"]):
        done = run(new, *arguments, "--folder", tmp_path)
        assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("acme.total.cases.yaml", "acme.total.ts", "acme.total.yaml", "flow.cases.yaml", "flow.yaml"),
        *("sum.cases.yaml", "sum.js", "sum.yaml"),
    ]
    checked = run(check, tmp_path, "--strict")
    assert (checked.exit_code, checked.stdout) == (0, "")
    tested = run(run_cases, tmp_path)
    assert (tested.exit_code, tested.stderr) == (0, "8 passed, 0 failed\n"), tested.stdout


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Where one of the files is there already none is written, and the status is 2."""
    (tmp_path / "sum.yaml").write_text("mine")
    done = run(new, "component", "sum", "--folder", tmp_path)
    assert (done.exit_code, done.stderr) == (
        2,
        f"Error: {tmp_path / 'sum.yaml'} is there already; nothing was written\n",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["sum.yaml"]


@pytest.mark.parametrize("name", ["", ".", "../up", "a/b", "a b", "-x", "x" * 101, "ü", "a."])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    """A name is one of a file and of a component: nothing that leads elsewhere."""
    done = run(new, "--folder", tmp_path, "component", "--", name)
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])


def test_types_replace_only_older_types(tmp_path: Path) -> None:
    """The file of types is written, written again, printed, and never in the place of another file."""
    assert run(types, tmp_path).exit_code == 0
    path = tmp_path / "symbia.d.ts"
    path.write_text(path.read_text() + "// older")
    assert run(types, tmp_path).exit_code == 0
    assert path.read_text() == TYPES.read_text() == run(types, "-").stdout
    path.write_text("declare const mine: 1;")
    refused = run(types, tmp_path)
    assert (refused.exit_code, path.read_text()) == (2, "declare const mine: 1;")


COMPONENT = """\
const handler: symbia.Handler<symbia.Context<{ size: number }, 'out', { count: number }>, { id: string }> = {
  initialize(ctx) { ctx.setState('count', ctx.config.size); },
  process({ emit, getState, setState, log, emitBatch }, port, value) {
    setState('count', (getState('count') ?? 0) + value.id.length);
    log('info', `${port} of ${param.name}`, { id: value.id });
    emitBatch('out', [value.id]);
    emit('out', getState('count'));
  },
  flush(ctx) { ctx.emit('out', 'end'); },
  async cleanup(ctx) { console.log(ctx.nodeId); },
};
"""


@pytest.mark.skipif(not TSC.is_file() or shutil.which("node") is None, reason="make clients installs it")
def test_the_compiler_checks_components_against_the_types(tmp_path: Path) -> None:
    """TypeScript takes a component that does what the types say, and what `new` writes, and tells each mistake."""
    run(types, tmp_path)
    run(new, "component", "begun", "--typescript", "--folder", tmp_path)
    (tmp_path / "good.ts").write_text("{\n" + COMPONENT + "}\n")
    wrong = (
        COMPONENT.replace("'out', [", "'uot', [").replace("'info'", "'inof'").replace("config.size", "config.sise")
    )
    (tmp_path / "wrong.ts").write_text("{\n" + wrong.replace("process(", "proces(") + "}\n")
    options = ["--strict", "--noEmit", "--target", "es2023", "--lib", "es2023,dom", "--pretty", "false"]
    done = subprocess.run(
        ["node", TSC, *options, *sorted(tmp_path.glob("*.ts"))], capture_output=True, text=True, check=False
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert {line.partition("(")[0].rpartition("/")[2] for line in lines} == {"wrong.ts"}, done.stdout
    assert "proces" in done.stdout


async def test_the_types_name_all_that_ctx_has() -> None:
    """Every key of ctx stands in the types, and every member of the types is a key of ctx."""
    source = "({ process(ctx) { ctx.emit('out', Object.keys(ctx).sort()); } })"
    definition = {
        "id": "custom.keys",
        "name": "Keys",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "javascript", "source": source},
    }
    async with open_workbench() as workbench:
        await workbench.register(definition)
        async with workbench.open("custom.keys") as unit:
            (keys,) = (await unit.send("in", 1)).emissions["out"]
    text = TYPES.read_text().partition("> {\n")[2].partition("\n  }\n")[0]
    names = re.findall(r"^    (?:readonly )?(\w+)[:(<]", text, re.MULTILINE)
    assert sorted(names) == keys
