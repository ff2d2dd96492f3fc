"""The status block between two calls: what an earlier call left there is never taken for a later one's."""

from tests.wasm_host.sandboxes import a_guest
from wasm_host.limits import GuestLimits

_SPIN = (
    "(local.set $i (i32.const 10000000)) (loop (br_if 0 (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))"
)
_RESET = "(i32.store (i32.const 20) (i32.const 0)) (i32.store (i32.const 24) (i32.const 0))"
_CLOSE_TWO = "(i32.store (i32.const 20) (i32.const 16)) (i32.store (i32.const 24) (i32.const 2))"


async def test_a_guest_stopped_before_it_resets_its_status_is_not_misread() -> None:
    """A second batch whose first slice ends before the guest has reset its count is processed like the first."""
    parts = {
        "record": r'(data (i32.const 512) "\00\01\00\00\00\00\00\00\00\01\00\00\00\00\00\00")',
        "symbia_process": '(func (export "symbia_process") (param i32) (result i32) (local $i i32)'
        f"{_SPIN} {_RESET} {_SPIN} {_CLOSE_TWO} (i32.const 0))",
    }
    async with a_guest(GuestLimits(), **parts) as guest:
        for _ in range(3):
            report = await guest.process([(0, b"1"), (0, b"2")], 0.0)
            assert report.fault is None
            assert len(report.closed) == 2
