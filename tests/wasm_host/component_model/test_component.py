"""Components that behave: what goes in, what comes out, what the host keeps."""

import pytest
import trio

from tests.wasm_host.component_model.components import NOTHING, REALLOC, a_host, component, opened, run
from wasm_host.component_model.canonical_abi import PIECE_BYTES
from wasm_host.guest.identity import Identity

# Effects at 64 with one field set; strings lie at 512 ("out") and from 1024 on.
_STRINGS = r'(data (i32.const 1024) "key42{\"a\":1}Oopsbecauseline 1noise")'
_CLEAR = "(memory.fill (i32.const 64) (i32.const 0) (i32.const 64))"


def _words(address: int, *words: int) -> str:
    return " ".join(
        f"(i32.store (i32.const {address + 4 * at}) (i32.const {word}))" for at, word in enumerate(words)
    )


_WRITE_STATE = _words(72, 2048, 1) + _words(2048, 1024, 3, 1, 1027, 2)
_DELETE_STATE = _words(72, 2048, 1) + _words(2048, 1024, 3, 0, 0, 0)
_LOG = _words(80, 2048, 1) + _words(2048, 2, 1053, 5, 1, 1029, 7)
_FAIL = _words(88, 1, 1036, 4, 1040, 7, 1047, 6)


def _one(effects: str) -> str:
    """A process function whose every message has these effects; only for one message at a time."""
    return f"{_CLEAR} {effects} {_words(16, 64, 1)} (i32.const 16)"


async def test_a_batch_comes_out_in_order() -> None:
    """Each message has its own effects, in the order of the messages."""
    effects = await run(component(), b"1", b'"two"', b"[3]")
    assert [each.emissions for each in effects] == [[(0, b"1")], [(0, b'"two"')], [(0, b"[3]")]]


async def test_a_value_that_is_handed_on_is_the_value_that_came() -> None:
    """The same bytes are neither checked again nor kept twice; others are."""
    value, other = b"[1.0, 2]", b"[1.0, 3]"
    first, second = await run(component(), value, other)
    assert first.emissions[0][1] is value
    assert second.emissions[0][1] is other


async def test_text_beyond_ascii_survives_both_ways() -> None:
    """A value's characters are the same after a component has returned it."""
    value = '"grüße, 世界, 🙂"'.encode()
    (effects,) = await run(component(), value)
    assert effects.emissions == [(0, value)]


@pytest.mark.parametrize("size", [60_000, PIECE_BYTES - 100, PIECE_BYTES + 1, 3_000_001])
async def test_a_long_value_survives_both_ways(size: int) -> None:
    """A value that travels in several pieces is whole on both sides, whatever its length."""
    large = f"(if (i32.gt_u (local.get $size) (i32.const 50000)) (then (return (i32.const 262144)))) {REALLOC}"
    declared, _, rest = large.partition("(local $at i32)")
    content = component(
        memory='(memory (export "memory") 100)', realloc=f"(local $at i32) {declared}{rest}", process=_ECHO_ONE
    )
    async with opened(content) as sandbox:
        for text in ("x", "ü"):
            value = f'"{text * (size // len(text.encode()))}"'.encode()
            (effects,) = await sandbox.process([(0, value)])
            assert effects.error is None
            assert effects.emissions == [(0, value)]
            (effects,) = await sandbox.process([(0, b"1")])
            assert effects.emissions == [(0, b"1")]


_ECHO_ONE = (
    f"{_CLEAR} {_words(64, 2048, 1)} {_words(2048, 512, 3)} (i64.store (i32.const 2056) (i64.load offset=8"
    f" (local.get $messages))) {_words(16, 64, 1)} (i32.const 16)"
)


async def test_an_empty_batch_has_no_effects() -> None:
    """No message, no effects, and no error."""
    assert await run(component()) == []


async def test_written_state_is_the_hosts() -> None:
    """A state write is kept by the host."""
    async with opened(component(process=_one(_WRITE_STATE), extra=_STRINGS)) as sandbox:
        (effects,) = await sandbox.process([(0, b"1")])
        assert effects.error is None
        assert sandbox.state == {"key": b"42"}


async def test_a_deleted_key_is_gone() -> None:
    """A state write without a value deletes the key."""
    content = component(
        opening=f"{_CLEAR} {_WRITE_STATE} (i32.const 64)", process=_one(_DELETE_STATE), extra=_STRINGS
    )
    async with opened(content) as sandbox:
        assert sandbox.state == {"key": b"42"}
        await sandbox.process([(0, b"1")])
        assert sandbox.state == {}


async def test_logs_carry_level_message_and_meta() -> None:
    """A log line arrives as it was returned."""
    (effects,) = await run(component(process=_one(_LOG), extra=_STRINGS), b"1")
    (line,) = effects.logs
    assert (line.level, line.message, line.meta) == ("warn", "noise", b'{"a":1}')


async def test_a_returned_error_fails_its_message_only() -> None:
    """An error names itself, drops emissions and state, keeps the component, and costs no restart."""
    async with opened(component(process=_one(_WRITE_STATE + _FAIL), extra=_STRINGS)) as sandbox:
        for _ in range(2):
            (effects,) = await sandbox.process([(0, b"1")])
            assert effects.error is not None
            assert (effects.error.name, effects.error.message, effects.error.stack) == (
                "Oops",
                "because",
                "line 1",
            )
            assert effects.emissions == []
        assert sandbox.state == {}
        assert sandbox.statistics().restarts == 0


async def test_open_sees_its_place() -> None:
    """The place's lists, numbers and texts stand where the contract says."""
    # Traps unless: two inputs, the second named "right"; restored is 0; seed is 7; now is 1,234,567.
    opening = f"""
      (if (i32.ne (i32.load offset=36 (local.get $place)) (i32.const 2)) (then unreachable))
      (if (i32.ne (i32.const 104)
          (i32.load8_u offset=3 (i32.load offset=8 (i32.load offset=32 (local.get $place)))))
        (then unreachable))
      (if (i32.load8_u offset=56 (local.get $place)) (then unreachable))
      (if (i64.ne (i64.load offset=64 (local.get $place)) (i64.const 7)) (then unreachable))
      (if (i64.ne (i64.load offset=72 (local.get $place)) (i64.const 1234567)) (then unreachable))
      {NOTHING}"""
    content = component(opening=opening)
    assert await run(content, b"1", identity=Identity("e", "n", "i"), inputs=("left", "right"), seed=7)


async def test_a_replacement_is_told_that_it_is_one() -> None:
    """After a trap the next instance is opened with `restored` and the state, and goes on."""
    # open writes the state once; a restored one must find it. The message "1" traps, others pass.
    opening = f"""{_CLEAR}
      (if (i32.load8_u offset=56 (local.get $place))
        (then (if (i32.ne (i32.load offset=52 (local.get $place)) (i32.const 1)) (then unreachable)))
        (else {_WRITE_STATE}))
      (i32.const 64)"""
    process = f"""
      (if (i32.eq (i32.load8_u (i32.load offset=8 (local.get $messages))) (i32.const 49)) (then unreachable))
      {_ECHO_ONE}"""
    async with opened(component(opening=opening, process=process, extra=_STRINGS)) as sandbox:
        (broken,) = await sandbox.process([(0, b"1")])
        (fine,) = await sandbox.process([(0, b"2")])
        assert broken.error is not None
        assert broken.error.name == "GuestTrapped"
        assert fine.emissions == [(0, b"2")]
        assert sandbox.state == {"key": b"42"}
        assert sandbox.statistics().restarts == 1


async def test_only_the_culprit_of_a_batch_is_charged() -> None:
    """When a call breaks, its messages go again one by one: all but the culprit succeed."""
    process = f"""(local $at i32)
      (local.set $at (local.get $count))
      (block $done (loop $more
        (br_if $done (i32.eqz (local.get $at)))
        (local.set $at (i32.sub (local.get $at) (i32.const 1)))
        (if (i32.eq (i32.const 57) (i32.load8_u (i32.load offset=8
            (i32.add (local.get $messages) (i32.mul (local.get $at) (i32.const 16))))))
          (then unreachable))
        (br $more)))
      {_ECHO_ONE}"""
    effects = await run(component(process=process), b"1", b"9", b"3")
    assert [each.emissions for each in effects] == [[(0, b"1")], [], [(0, b"3")]]
    assert effects[1].error is not None


async def test_close_runs_once_at_the_end() -> None:
    """What `close` logs is returned by the sandbox's close."""
    async with opened(component(closing=f"{_CLEAR} {_LOG} (i32.const 64)", extra=_STRINGS)) as sandbox:
        effects = await sandbox.close()
        assert [line.message for line in effects.logs] == ["noise"]


async def test_a_cancelled_call_leaves_the_sandbox_usable() -> None:
    """A cancel scope ends a spinning component within milliseconds; the next call has a new one."""
    process = f"""
      (if (i32.eq (i32.load8_u (i32.load offset=8 (local.get $messages))) (i32.const 49)) (then (loop $l (br $l))))
      {_ECHO_ONE}"""
    async with opened(component(process=process)) as sandbox:
        with trio.move_on_after(0.02) as scope:
            await sandbox.process([(0, b"1")])
        assert scope.cancelled_caught
        (effects,) = await sandbox.process([(0, b"2")])
        assert effects.emissions == [(0, b"2")]


async def test_instances_share_nothing_but_code() -> None:
    """Two sandboxes of one program count for themselves what they keep in memory."""
    counting = f"""
      (i32.store8 (i32.const 1024) (i32.add (i32.const 1) (i32.load8_u (i32.const 1024))))
      {_CLEAR} {_words(64, 2048, 1)} {_words(2048, 512, 3, 1024, 1)} {_words(16, 64, 1)} (i32.const 16)"""
    async with a_host() as host:
        program = await host.program(component(process=counting, extra='(data (i32.const 1024) "0")'))
        first, second = host.sandbox(program), host.sandbox(program)
        await first.open()
        await second.open()
        counts = [(await each.process([(0, b"null")]))[0].emissions for each in (first, first, second)]
        first.discard()
        second.discard()
    assert counts == [[(0, b"1")], [(0, b"2")], [(0, b"1")]]
