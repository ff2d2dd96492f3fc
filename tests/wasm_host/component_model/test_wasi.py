"""The WASI inside the sandbox: every answer is as the interface says, and nothing stands behind it."""

import pytest

from tests.wasm_host.component_model.components import ECHO, component, run
from wasm_host.component_model import wasi
from wasm_host.component_model.types import FlatFunction

_STREAMS = """
  (import "wasi:io/error@0.2.3" (instance $error (export "error" (type (sub resource)))))
  (import "wasi:io/poll@0.2.3" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))
    (export "[method]pollable.ready" (func (param "self" (borrow $pollable)) (result bool)))
    (export "poll" (func (param "in" (list (borrow $pollable))) (result (list u32))))))
  (alias export $error "error" (type $error-type))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/streams@0.2.3" (instance $streams
    (alias outer 1 $error-type (type $e'))
    (export "error" (type $e (eq $e')))
    (type $stream-error' (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $stream-error')))
    (export "input-stream" (type $in (sub resource)))
    (export "output-stream" (type $out (sub resource)))
    (alias outer 1 $pollable (type $p'))
    (export "pollable" (type $p (eq $p')))
    (export "[method]input-stream.blocking-read" (func (param "self" (borrow $in)) (param "len" u64)
      (result (result (list u8) (error $stream-error)))))
    (export "[method]output-stream.check-write" (func (param "self" (borrow $out))
      (result (result u64 (error $stream-error)))))
    (export "[method]output-stream.write" (func (param "self" (borrow $out)) (param "contents" (list u8))
      (result (result (error $stream-error)))))
    (export "[method]output-stream.blocking-flush" (func (param "self" (borrow $out))
      (result (result (error $stream-error)))))
    (export "[method]output-stream.subscribe" (func (param "self" (borrow $out)) (result (own $p))))))
  (alias export $streams "input-stream" (type $in))
  (alias export $streams "output-stream" (type $out))"""


class World:
    """Imports of one interface each, lowered and given to the core module under the names a, b, ..."""

    def __init__(self, imports: str, **functions: tuple[str, str, str]) -> None:
        """`functions` are, by the core name, (instance, function, core signature)."""
        options = '(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))'
        lowered = "\n".join(
            f'(core func ${name} (canon lower (func ${instance} "{function}") {options}))'
            for name, (instance, function, _) in functions.items()
        )
        given = " ".join(f'(export "{name}" (func ${name}))' for name in functions)
        self.parts = {
            "imports": f"""{imports}
              (core module $Libc (memory (export "memory") 2)
                (global $next (mut i32) (i32.const 90000))
                (func (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
                  (local $at i32)
                  (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                  (global.set $next (i32.add (local.get $at) (local.get $size)))
                  (local.get $at)))
              (core instance $libc (instantiate $Libc))
              {lowered}""",
            "given": f'(with "libc" (instance $libc)) (with "wasi" (instance {given}))',
            "memory": '(import "libc" "memory" (memory 2)) (export "memory" (memory 0))',
            "core_imports": "\n".join(
                f'(import "wasi" "{name}" (func ${name} {signature}))'
                for name, (_, _, signature) in functions.items()
            ),
        }

    def component(self, process: str) -> bytes:
        """One that does this first, then emits its messages."""
        declarations, _, rest = ECHO.partition("(i32.store (i32.const 16)")
        return component(**self.parts, process=f"{declarations} {process} (i32.store (i32.const 16){rest}")


def _unless(condition: str) -> str:
    return f"(if (i32.eqz {condition}) (then unreachable))"


async def _holds(world: World, *conditions: str, before: str = "") -> None:
    """Runs a component that traps unless all conditions hold."""
    (effects,) = await run(world.component(before + "".join(map(_unless, conditions))), b"1", seed=11)
    assert effects.error is None, effects.error
    assert effects.emissions == [(0, b"1")]


async def test_the_wall_clock_is_the_hosts_in_milliseconds() -> None:
    """`now` is the time that the host gave for the call, and its resolution a millisecond."""
    imports = """(import "wasi:clocks/wall-clock@0.2.3" (instance $clock
      (type $datetime' (record (field "seconds" u64) (field "nanoseconds" u32)))
      (export "datetime" (type $datetime (eq $datetime')))
      (export "now" (func (result $datetime)))
      (export "resolution" (func (result $datetime)))))"""
    world = World(imports, now=("clock", "now", "(param i32)"), grain=("clock", "resolution", "(param i32)"))
    await _holds(
        world,
        "(i64.eq (i64.load (i32.const 800)) (i64.const 1234))",
        "(i32.eq (i32.load (i32.const 808)) (i32.const 567000000))",
        "(i64.eqz (i64.load (i32.const 832)))",
        "(i32.eq (i32.load (i32.const 840)) (i32.const 1000000))",
        before="(call $now (i32.const 800)) (call $grain (i32.const 832))",
    )


async def test_random_numbers_come_from_the_seed() -> None:
    """They differ from each other, and two runs with one seed have the same."""
    imports = """(import "wasi:random/random@0.2.0" (instance $random
      (export "get-random-u64" (func (result u64)))
      (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))"""
    world = World(
        imports,
        number=("random", "get-random-u64", "(result i64)"),
        bytes=("random", "get-random-bytes", "(param i64 i32)"),
    )
    # The first two numbers of splitmix64 from the seed 11, worked out apart from the code under test.
    first, second = _splitmix(11, 2)
    await _holds(
        world,
        f"(i64.eq (call $number) (i64.const {first}))",
        f"(i64.eq (call $number) (i64.const {second}))",
        "(block (result i32) (call $bytes (i64.const 9) (i32.const 800)) (i32.load (i32.const 800)))",
        "(i32.eq (i32.load (i32.const 804)) (i32.const 9))",
    )


def _splitmix(seed: int, count: int) -> list[int]:
    mask = (1 << 64) - 1
    numbers = []
    for _ in range(count):
        seed = seed + 0x9E3779B97F4A7C15 & mask
        mixed = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9 & mask
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & mask
        numbers.append(mixed ^ mixed >> 31)
    return numbers


async def test_there_are_no_arguments_no_environment_and_no_folders() -> None:
    """All three lists are empty, and there is no current folder."""
    imports = """
      (import "wasi:cli/environment@0.2.3" (instance $environment
        (export "get-environment" (func (result (list (tuple string string)))))
        (export "get-arguments" (func (result (list string))))
        (export "initial-cwd" (func (result (option string))))))
      (import "wasi:filesystem/types@0.2.3" (instance $files (export "descriptor" (type (sub resource)))))
      (alias export $files "descriptor" (type $descriptor))
      (import "wasi:filesystem/preopens@0.2.3" (instance $preopens
        (alias outer 1 $descriptor (type $d'))
        (export "descriptor" (type $d (eq $d')))
        (export "get-directories" (func (result (list (tuple (own $d) string)))))))"""
    world = World(
        imports,
        a=("environment", "get-environment", "(param i32)"),
        b=("environment", "get-arguments", "(param i32)"),
        c=("environment", "initial-cwd", "(param i32)"),
        d=("preopens", "get-directories", "(param i32)"),
    )
    calls = "".join(
        f"(call ${name} (i32.const {at}))" for name, at in zip("abcd", (800, 816, 832, 848), strict=True)
    )
    lengths = [f"(i32.eqz (i32.load (i32.const {at + 4})))" for at in (800, 816, 848)]
    await _holds(world, *lengths, "(i32.eqz (i32.load8_u (i32.const 832)))", before=calls)


async def test_output_is_swallowed_and_input_is_closed() -> None:
    """Writing succeeds and goes nowhere, reading says `closed`, and nobody ever has to wait."""
    imports = f"""{_STREAMS}
      (import "wasi:cli/stdout@0.2.3" (instance $stdout
        (alias outer 1 $out (type $o')) (export "output-stream" (type $o (eq $o')))
        (export "get-stdout" (func (result (own $o))))))
      (import "wasi:cli/stdin@0.2.3" (instance $stdin
        (alias outer 1 $in (type $i')) (export "input-stream" (type $i (eq $i')))
        (export "get-stdin" (func (result (own $i))))))"""
    world = World(
        imports,
        stdout=("stdout", "get-stdout", "(result i32)"),
        stdin=("stdin", "get-stdin", "(result i32)"),
        check=("streams", "[method]output-stream.check-write", "(param i32 i32)"),
        write=("streams", "[method]output-stream.write", "(param i32 i32 i32 i32)"),
        flush=("streams", "[method]output-stream.blocking-flush", "(param i32 i32)"),
        read=("streams", "[method]input-stream.blocking-read", "(param i32 i64 i32)"),
        subscribe=("streams", "[method]output-stream.subscribe", "(param i32) (result i32)"),
        ready=("poll", "[method]pollable.ready", "(param i32) (result i32)"),
        block=("poll", "[method]pollable.block", "(param i32)"),
        poll=("poll", "poll", "(param i32 i32 i32)"),
    )
    before = """
      (i32.store (i32.const 700) (call $stdout))
      (call $check (i32.load (i32.const 700)) (i32.const 800))
      (call $write (i32.load (i32.const 700)) (i32.const 512) (i32.const 3) (i32.const 816))
      (call $flush (i32.load (i32.const 700)) (i32.const 832))
      (call $read (call $stdin) (i64.const 10) (i32.const 848))
      (i32.store (i32.const 704) (call $subscribe (i32.load (i32.const 700))))
      (i32.store (i32.const 708) (call $subscribe (i32.load (i32.const 700))))
      (call $block (i32.load (i32.const 704)))
      (call $poll (i32.const 704) (i32.const 2) (i32.const 872))"""
    await _holds(
        world,
        "(i32.eqz (i32.load8_u (i32.const 800)))",
        "(i64.eq (i64.load (i32.const 808)) (i64.const 65536))",
        "(i32.eqz (i32.load8_u (i32.const 816)))",
        "(i32.eqz (i32.load8_u (i32.const 832)))",
        "(i32.load8_u (i32.const 848))",
        "(i32.load8_u (i32.const 852))",
        "(call $ready (i32.load (i32.const 708)))",
        "(i32.eq (i32.load (i32.const 876)) (i32.const 2))",
        "(i32.eq (i32.load offset=4 (i32.load (i32.const 872))) (i32.const 1))",
        before=before,
    )


async def test_handles_are_counted() -> None:
    """Their table lies in the host's memory: a component that takes handles without end is stopped at 10,000."""
    imports = f"""{_STREAMS}
      (import "wasi:cli/stdout@0.2.3" (instance $stdout
        (alias outer 1 $out (type $o')) (export "output-stream" (type $o (eq $o')))
        (export "get-stdout" (func (result (own $o))))))"""
    world = World(imports, stdout=("stdout", "get-stdout", "(result i32)"))
    process = "(loop $more (drop (call $stdout)) (br $more))"
    (effects,) = await run(world.component(process), b"1")
    assert effects.error is not None
    assert effects.error.name == "GuestTrapped"


async def test_dropped_handles_do_not_count() -> None:
    """A component that drops each handle may take any number, one after the other."""
    imports = f"""{_STREAMS}
      (import "wasi:cli/stdout@0.2.3" (instance $stdout
        (alias outer 1 $out (type $o')) (export "output-stream" (type $o (eq $o')))
        (export "get-stdout" (func (result (own $o))))))"""
    world = World(imports, stdout=("stdout", "get-stdout", "(result i32)"))
    world.parts["imports"] += "(core func $drop (canon resource.drop $out))"
    world.parts["given"] = world.parts["given"].replace(
        '(export "stdout"', '(export "drop" (func $drop)) (export "stdout"'
    )
    world.parts["core_imports"] += '(import "wasi" "drop" (func $drop (param i32)))'
    process = """(i32.store (i32.const 700) (i32.const 20000))
      (loop $more
        (call $drop (call $stdout))
        (i32.store (i32.const 700) (i32.sub (i32.load (i32.const 700)) (i32.const 1)))
        (br_if $more (i32.load (i32.const 700))))"""
    (effects,) = await run(world.component(process), b"1")
    assert effects.error is None


async def test_whatever_is_not_answered_traps_by_name() -> None:
    """A component that exits is destroyed, and the error names what it called."""
    imports = '(import "wasi:cli/exit@0.2.3" (instance $exit (export "exit" (func (param "status" (result))))))'
    world = World(imports, exit=("exit", "exit", "(param i32)"))
    (effects,) = await run(world.component("(call $exit (i32.const 0))"), b"1")
    assert effects.error is not None
    assert effects.error.message == (
        "the component called wasi:cli/exit#exit, which is denied: there is nothing outside of it"
    )


async def test_a_known_name_with_another_form_traps() -> None:
    """An answer is only given to the form it was made for."""
    imports = '(import "wasi:clocks/monotonic-clock@0.2.3" (instance $clock (export "now" (func (result u32)))))'
    world = World(imports, now=("clock", "now", "(result i32)"))
    (effects,) = await run(world.component("(drop (call $now))"), b"1")
    assert effects.error is not None
    assert "wasi:clocks/monotonic-clock#now, which is denied" in effects.error.message


async def test_sleeping_does_not_hold_anybody() -> None:
    """A component that sleeps for a year goes on at once."""
    imports = """
      (import "wasi:io/poll@0.2.3" (instance $poll
        (export "pollable" (type $pollable (sub resource)))
        (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
      (alias export $poll "pollable" (type $pollable))
      (import "wasi:clocks/monotonic-clock@0.2.3" (instance $clock
        (alias outer 1 $pollable (type $p')) (export "pollable" (type $p (eq $p')))
        (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))"""
    world = World(
        imports,
        subscribe=("clock", "subscribe-duration", "(param i64) (result i32)"),
        block=("poll", "[method]pollable.block", "(param i32)"),
    )
    await _holds(world, before="(call $block (call $subscribe (i64.const 31536000000000000)))")


@pytest.mark.parametrize(
    "name",
    ["wasi:cli/stdout@0.3.0", "wasi:keyvalue/store@0.2.0", "evil:cli/stdout@0.2.0", "wasi:cli/stdout", "wasi"],
)
def test_only_wasi_0_2_is_wasi(name: str) -> None:
    """Other packages, other versions and other owners are not taken for it."""
    assert not wasi.is_wasi(name)


@pytest.mark.parametrize(
    "name", ["wasi:cli/stdout@0.2.0", "wasi:sockets/tcp@0.2.12", "wasi:http/types@0.2.3-rc.1"]
)
def test_every_version_of_0_2_is_wasi(name: str) -> None:
    """Interfaces of 0.2 differ in what they have, and each component says which of it it wants."""
    assert wasi.is_wasi(name)


def test_hostile_names_stay_names() -> None:
    """A function's name cannot break out of the text that is made with it."""
    name = 'wasi:cli/exit#x") (func (export "evil") unreachable) (; \\'
    text = wasi.wasi_module([(name, FlatFunction((), ()))], [])
    assert '\\")' in text
    assert text.count('(export "evil")') == 0
