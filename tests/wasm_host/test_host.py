"""The host as a whole: it starts, shares nothing between sandboxes, and leaves nothing behind."""

import threading
from pathlib import Path

import pytest

from wasm_host.errors import HostError, ProgramError
from wasm_host.host import open_host
from wasm_host.sandbox import javascript
from wasm_host.sandbox.javascript import Program


async def test_a_closed_host_leaves_no_thread() -> None:
    """Only the ticker was ours; threads that Trio lent for loading the module are its own."""
    async with open_host() as host:
        before = {thread.name for thread in threading.enumerate()}
        assert "wasm-epoch" in before
        sandbox = host.sandbox(Program("map", "value"))
        await sandbox.open()
        sandbox.discard()
    assert "wasm-epoch" not in {thread.name for thread in threading.enumerate()}


async def test_sandboxes_share_nothing() -> None:
    """What one program does to its world, no other sees, not even another instance of the same program."""
    source = """{ process(ctx, port, value) {
        Object.prototype.mark = value; Array.prototype.join = () => 'broken';
        globalThis.seen = (globalThis.seen ?? 0) + 1;
        ctx.emit('out', [seen, [1, 2].join()]);
    } }"""
    async with open_host() as host:
        one, other = host.sandbox(Program("handler", source)), host.sandbox(Program("handler", source))
        clean = host.sandbox(Program("map", "[typeof seen, ({}).mark === undefined, [1, 2].join()]"))
        for sandbox in (one, other, clean):
            await sandbox.open()
        for expected in (b'[1,"broken"]', b'[2,"broken"]'):
            (effects,) = await one.process([(0, b"1")])
            assert effects.emissions == [(0, expected)]
        (effects,) = await other.process([(0, b"1")])
        assert effects.emissions == [(0, b'[1,"broken"]')]
        (effects,) = await clean.process([(0, b"1")])
        assert effects.emissions == [(0, b'["undefined",true,"1,2"]')]
        for sandbox in (one, other, clean):
            sandbox.discard()


async def test_a_host_without_its_guest_says_how_to_build_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error names the command."""
    monkeypatch.setattr(javascript, "GUEST_PATH", tmp_path / "guest.wasm")
    with pytest.raises(HostError, match=r"python -m wasm_host\.quickjs\.build"):
        async with open_host():
            pass


async def test_a_configuration_that_is_not_json_is_refused() -> None:
    """It would otherwise be spliced into the document that opens the guest."""
    async with open_host() as host:
        for config in (b"", b"{", b'{}, "source": "evil"', b'1"'):
            with pytest.raises(ProgramError, match="configuration is not JSON"):
                await host.check(Program("map", "value"), config=config)


async def test_a_hundred_instances_live_at_once() -> None:
    """Each answers for itself."""
    async with open_host() as host:
        sandboxes = [host.sandbox(Program("map", f"value + {number}")) for number in range(100)]
        for sandbox in sandboxes:
            await sandbox.open()
        answers = [(await sandbox.process([(0, b"1")]))[0].emissions[0][1] for sandbox in sandboxes]
        assert answers == [b"%d" % (number + 1) for number in range(100)]
        for sandbox in sandboxes:
            await sandbox.close()
