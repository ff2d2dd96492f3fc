"""The judgement of a chain's call: what was told, what was counted and what was sent must agree."""

from collections.abc import Sequence

from wasm_host.errors import ProtocolError
from wasm_host.guest.chain_abi import MOST_INVOCATIONS, ChainResult, Message
from wasm_host.guest.chain_ports import ChainPorts


def judge(result: ChainResult, closed: int, batch: Sequence[Message], ports: ChainPorts, *, traced: bool) -> None:
    """Raise ProtocolError where what was told, what was counted and the batch do not agree."""
    count = result.begun
    if not 0 < count <= len(batch) or not 0 < closed <= MOST_INVOCATIONS:
        raise ProtocolError(f"the guest says that it began {count} messages of {len(batch)}")
    begun = batch if count == len(batch) else batch[:count]
    _check_counts(result, closed, begun, ports)
    _check_inputs(result, begun, ports)
    if traced:
        _check_order(result, begun, ports)


def _check_counts(result: ChainResult, closed: int, begun: Sequence[Message], ports: ChainPorts) -> None:
    """Check that every value passed on was taken or is pending, and that every message begun was taken."""
    shares = result.counts
    came = [0] * len(shares)
    spare = [share[1] for share in shares]  # emitted, and not by the outlets looked at so far
    for program, _, _ in begun:
        came[program] += 1
    for way, _, _ in result.pending:
        came[ports.ways[way].program] -= 1
    for passed, (program, targets) in zip(result.passed, ports.outlets, strict=True):
        if passed:
            spare[program] -= passed
            for target in targets:
                came[target] += passed
    if min(spare) < 0:
        raise ProtocolError("the guest says that it passed on more than it emitted")
    if came != [share[0] for share in shares] or sum(came) != closed:
        raise ProtocolError("the guest's counts of invocations and of values contradict each other")


def _check_inputs(result: ChainResult, begun: Sequence[Message], ports: ChainPorts) -> None:
    """Check that a message that comes back, or an error's cause, came in at an input where something can."""
    if not result.pending and all(step.cause is None for step in result.steps):
        return
    first = min([program for program, _, _ in begun])
    for way, _, _ in result.pending:
        if ports.ways[way].program <= first:
            raise ProtocolError(f"the guest passed a value on to program {ports.ways[way].program}")
    for step in result.steps:
        if step.cause is None or (step.program > first and (step.program, step.cause[0]) in ports.entries):
            continue
        if not any(step.program == program and step.cause[0] == port for program, port, _ in begun):
            raise ProtocolError(f"the guest tells of an error at input {step.cause[0]} of {step.program}")


def _check_order(result: ChainResult, begun: Sequence[Message], ports: ChainPorts) -> None:
    """Check that every invocation told of had a message: one passed on before, or the next of the batch."""
    waiting = [0] * len(ports.programs)
    at = 0
    for step in result.steps:
        program = step.program
        if waiting[program]:
            waiting[program] -= 1
        elif at < len(begun) and begun[at][0] == program:
            at += 1
        else:
            raise ProtocolError(f"the guest tells of an invocation of program {program} without a message")
        for outlet in ports.programs[program].outlets:
            passed = sum(port == outlet.port for port, _ in step.emissions)
            for target, _, _ in outlet.ways:
                waiting[target] += passed
    for way, _, _ in result.pending:
        waiting[ports.ways[way].program] -= 1
    if at != len(begun) or any(waiting):
        raise ProtocolError("the guest does not tell of every invocation")
