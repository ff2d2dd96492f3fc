"""The WebAssembly examples: built by their languages' tools, and run."""

import subprocess
import tomllib

import msgspec
import pytest

from examples.wasm.build import EXAMPLES, HERE, MissingToolError, build
from tests.wasm_host.component_model.components import a_host
from wasm_host.guest.abi import Effects
from wasm_host.guest.identity import Identity
from wasm_host.host import SandboxHost
from wasm_host.sandbox.sandbox import Sandbox


async def _opened(host: SandboxHost, name: str, config: bytes = b"{}") -> Sandbox:
    try:
        path = build(name)
    except MissingToolError as missing:
        pytest.skip(f"{name} is left out, because {missing}")
    program = await host.program(path.read_bytes(), name)
    sandbox = host.sandbox(program, identity=Identity("e", "n", "i"), config=config, outputs=("out", "error"))
    await sandbox.open()
    return sandbox


async def _process(sandbox: Sandbox, *values: object) -> list[Effects]:
    return await sandbox.process([(0, msgspec.json.encode(value)) for value in values])


def _values(effects: list[Effects]) -> list[object]:
    return [[msgspec.json.decode(value) for _, value in each.emissions] for each in effects]


async def test_total_in_c_adds_and_goes_on_after_a_restart() -> None:
    """The plain module in C keeps its total as state, and says what is no integer."""
    async with a_host() as host:
        sandbox = await _opened(host, "total")
        effects = await _process(sandbox, 1, 2, "three", -40)
        assert _values(effects) == [[1], [3], [], [-37]]
        assert effects[2].error is not None
        assert effects[2].error.message == "not an integer"
        assert sandbox.state == {"total": b"-37"}
        sandbox._drop_guest()
        assert _values(await _process(sandbox, 37)) == [[0]]
        sandbox.discard()


async def test_sample_in_c_forwards_every_tenth() -> None:
    """The component in C has no library around it, and needs none."""
    async with a_host() as host:
        sandbox = await _opened(host, "sample")
        effects = await _process(sandbox, *range(1, 26))
        assert [value for values in _values(effects) if isinstance(values, list) for value in values] == [10, 20]
        sandbox.discard()


async def test_distinct_in_assemblyscript_forwards_changes() -> None:
    """The plain module in AssemblyScript forwards a value that differs from the one before it."""
    async with a_host() as host:
        sandbox = await _opened(host, "distinct")
        assert _values(await _process(sandbox, 1, 1, "a", "a", 1)) == [[1], [], ["a"], [], [1]]
        sandbox.discard()


@pytest.mark.timeout(300)
async def test_square_in_javascript_squares() -> None:
    """The component in JavaScript squares numbers and refuses the rest."""
    async with a_host() as host:
        sandbox = await _opened(host, "square")
        effects = await _process(sandbox, 12, "x", -3)
        assert _values(effects) == [[144], [], [9]]
        assert effects[1].error is not None
        assert effects[1].error.name == "TypeError"
        sandbox.discard()


@pytest.mark.timeout(300)
async def test_average_in_python_averages_and_goes_on_after_a_restart() -> None:
    """The component in Python reads its configuration, keeps state, and reports exceptions with their place."""
    async with a_host() as host:
        sandbox = await _opened(host, "average", config=b'{"digits": 1}')
        effects = await _process(sandbox, 1, 2, None, 4)
        assert _values(effects) == [[1.0], [1.5], [], [2.3]]
        assert effects[2].error is not None
        assert effects[2].error.name == "TypeError"
        assert "average.py" in effects[2].error.stack
        assert sandbox.state == {"seen": b"[3, 7]"}
        sandbox._drop_guest()
        effects = await _process(sandbox, 5)
        assert _values(effects) == [[3.0]]
        assert [line.message for line in effects[0].logs] == ["averages begin at 3 numbers"]
        sandbox.discard()


def test_the_readme_names_every_example() -> None:
    """Nobody has to guess what a folder builds."""
    text = (HERE / "README.md").read_text(encoding="utf-8")
    for name, (source, _) in EXAMPLES.items():
        assert source in text
        assert f"`{name}`" in text


def test_the_python_tool_is_the_one_of_pyproject() -> None:
    """The version that is built with here stands in pyproject.toml, and in the commands that people copy."""
    project = tomllib.loads((HERE.parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    (requirement,) = project["dependency-groups"]["examples"]
    for path in ("build.py", "README.md", "python/README.md"):
        assert requirement in (HERE / path).read_text(encoding="utf-8")


def test_a_refused_source_is_not_kept() -> None:
    """What its compiler refuses leaves nothing behind that could be taken for a component."""
    source = HERE / "c" / "total.c"
    broken = HERE / "build" / "broken.wasm"
    with pytest.raises(subprocess.CalledProcessError):
        EXAMPLES["total"][1](source.with_name("missing.c"), broken)
    assert not broken.exists()
