"""A replay keeps so much and no more, and has the surroundings that its graph had."""

import io
from typing import Any

import pytest
import trio

from engine.contracts.surroundings import SameForAll, Surroundings, Vault
from engine.journal.file import RecordingFile
from engine.journal.shape import RecordingError
from engine.replaying.replay import ReplayOptions, replay
from engine.runtime import Runtime, open_runtime
from engine.testing.simulated_time import SimulatedTime
from proto.recording import ReplayReply
from tests.engine.executions import document, node
from tests.engine.journal.recorded import ended, file_of, started, values_to
from tests.engine.replaying.test_replay import priced

PASS = "symbia.core.passthrough"
ALL = Surroundings(
    env={"CITY": "Bonn", "URL": "http://x/?key=sesame-open"},
    secrets={"key": "sesame-open", "own.other": "sesame-shut"},
)


def recorded(graph: dict[str, Any], values: list[Any], *components: dict[str, Any]) -> RecordingFile:
    async def run() -> bytes:
        async with open_runtime(vault=SameForAll(ALL)) as runtime:
            return await live(runtime)

    async def live(runtime: Runtime) -> bytes:
        for component in components:
            await runtime.library.register_component(component)
        execution_id = await started(runtime, graph, "full")
        await runtime.execution(execution_id).inject(values_to("n", *values))
        await ended(runtime, execution_id)
        return await file_of(runtime, execution_id)

    return RecordingFile(io.BytesIO(trio.run(run)))


def run_again(file: RecordingFile, vault: Vault | None = None, limit: int = 10**9, **options: Any) -> ReplayReply:
    time = SimulatedTime()

    async def run() -> ReplayReply | RecordingError:
        try:
            return await replay(file.head, file.records, time, ReplayOptions(**options), vault, limit)
        except RecordingError as error:
            return error

    result = trio.run(run, clock=time.clock)
    if isinstance(result, RecordingError):
        raise result
    return result


ASK = node(
    "symbia.io.http-request",
    config={
        "url": "${env.URL}",
        "headers": {"city": "${env.CITY}", "k": "${secret.key}", "o": "${secret.own.other}"},
        "method": "POST",
    },
    onError="continue",
)


def test_secrets_are_those_of_whoever_runs_it_and_variables_those_of_the_recording() -> None:
    """Its file has no secret, nor a variable that holds one; what is lacking is named."""
    file = recorded(document({"n": PASS, "ask": ASK}), [1])
    assert file.head.env == {"CITY": "Bonn"}
    assert file.head.secrets == ("key", "own.other")
    with pytest.raises(RecordingError, match=r"not here: \$\{secret\.key\}, \$\{secret\.own\.other\}$"):
        run_again(file)
    others = {"key": "another-secret", "own.other": "and-another"}
    with pytest.raises(RecordingError, match=r"it cannot be run: .*URL"):
        run_again(file, SameForAll(Surroundings(secrets=others)))
    around = Surroundings(env={"CITY": "Rome", "URL": "http://y/"}, secrets=others)
    assert run_again(file, SameForAll(around)).is_same


def test_what_is_read_of_a_recording_is_bounded() -> None:
    """By what it becomes, and not by its bytes."""
    file = recorded(document({"n": PASS}), list(range(1000)))
    with pytest.raises(RecordingError, match="more than 100,000 bytes, which is what a replay may keep"):
        run_again(file, limit=100_000)
    assert run_again(file, limit=100_000, until=50, against="recording").is_same


def test_what_a_run_emits_is_bounded() -> None:
    """Another version that emits without measure is stopped."""
    one = priced("1.0.0", "return { process: (ctx, p, v) => ctx.emit('out', v) }")
    many = priced(
        "1.1.0",
        "return { process: (ctx, p, v) => { for (let i = 0; i < 500; i++) ctx.emit('out', 'x'.repeat(2000)) } }",
    )
    file = recorded(document({"n": "own.price", "end": PASS}, ["n:out > end:in"]), list(range(20)), one)
    with pytest.raises(RecordingError, match="more than 1,000,000 bytes, which is what a replay may keep"):
        run_again(file, limit=1_000_000, components=(many,))


def test_a_component_that_takes_nobodys_place_is_refused() -> None:
    """Its id was misspelt, perhaps: the same would be said of what was not tried."""
    one = priced("1.0.0", "return { process: (ctx, p, v) => ctx.emit('out', v) }")
    file = recorded(document({"n": "own.price"}), [1], one)
    with pytest.raises(RecordingError, match=r"no component own\.prize in it; there is own\.price"):
        run_again(file, components=({**one, "id": "own.prize"},))
