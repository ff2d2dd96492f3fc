"""A recording run again and compared: with what was recorded, or with a run of the code that was recorded."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from engine.checkpoint.checkpoint import Checkpoint
from engine.contracts.surroundings import Vault
from engine.journal.head import Head
from engine.journal.records import Checkpointed, Record
from engine.journal.shape import RecordingError
from engine.replaying.budget import REPLAY_BYTES, Budget
from engine.replaying.comparison import compare, numbered, ranks
from engine.replaying.recorded_vault import recorded_vault
from engine.replaying.rerun import run_script
from engine.replaying.script import Emission, Place, check_beginning, checkpoint_in, read_script
from engine.testing.simulated_time import SimulatedTime
from proto.execution import ExecutionState
from proto.recording import ReplayReply

Against = Literal["recording", "rerun"]


class ReplayOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The ways in which a recording is run again.

    Attributes:
        components: definitions that take the place of those that were recorded, by their ids.
        until: the number of the last record that is lived through; the last one when absent.
        since: the number of the first record that is compared.
        against: what it is compared with. When absent: the recording, where that has every value and no other
            code is given; otherwise a run of the code that was recorded, which differs from the other by that
            code only.
    """

    components: tuple[dict[str, Any], ...] = ()
    until: int | None = None
    since: int = 0
    against: Against | None = None


async def replay(
    head: Head,
    records: Callable[[], Iterable[Record]],
    time: SimulatedTime,
    options: ReplayOptions,
    vault: Vault | None = None,
    limit_bytes: int = REPLAY_BYTES,
) -> ReplayReply:
    """Run a recording again, and compare every emission. The clock of the program must be ``time.clock``.

    Args:
        head: of the recording.
        records: gives all of them, in order; from the beginning each time.
        time: of the runs.
        options: the ways.
        vault: the secrets that the graph may name, and the variables that the recording does not have.
        limit_bytes: what may be kept of it, and of what it emits.

    Raises:
        RecordingError: it cannot be run again.
    """
    given = {str(component.get("id")) for component in options.components}
    _check_given(head, given)
    head = msgspec.structs.replace(head, lacking=tuple(each for each in head.lacking if each not in given))
    begins_from = await _beginning(head, records)
    check_beginning(head, has_checkpoint=begins_from is not None)
    budget, around = Budget(limit_bytes), recorded_vault(head, vault)
    script = read_script(head, records(), options.until, budget, begins_from)
    is_recorded = head.level == "full" and not options.components
    against: Against = options.against or ("recording" if is_recorded else "rerun")
    expected: Mapping[Place, Sequence[Emission]] = script.emissions
    complaints: Sequence[str] = ()
    if against == "rerun":
        before = await run_script(script, time, vault=around, budget=budget)
        expected, complaints = numbered(before.emissions, script.emissions), before.complaints
    ran = await run_script(script, time, options.components, around, budget)
    # What was cut off, by its end or by ``until``, had more to emit.
    is_whole = against == "rerun" or (options.until is None and script.end == ExecutionState.COMPLETED)
    differences, compared = compare(expected, ran.emissions, ranks(head), first=options.since, is_whole=is_whole)
    new = [complaint for complaint in ran.complaints if complaint not in complaints]
    if script.revised:
        new.append(f"it was reloaded by record {script.revised}, and is run again up to there only")
    return ReplayReply(
        is_same=not differences and not new,
        compared=compared,
        injected=ran.injected,
        against=against,
        differences=differences,
        complaints=new,
        state=ran.state,
    )


def _check_given(head: Head, given: Iterable[str]) -> None:
    """Refuse components that take nobody's place: it would be said that all is the same, and nothing was tried.

    Raises:
        RecordingError: one of them does.
    """
    known = sorted({*[str(each.get("id")) for each in head.components], *head.lacking})
    for each in given:
        if each not in known:
            there_is = f"there is {', '.join(known[:10])}" if known else "all of its components are built in"
            raise RecordingError(f"there is no component {each[:100]} in it; {there_is}")


async def _beginning(head: Head, records: Callable[[], Iterable[Record]]) -> Checkpoint | None:
    """Return the checkpoint that a recording which does not begin with its execution is begun from."""
    if head.is_from_start and head.is_whole:
        return None
    found = next((each for each in records() if isinstance(each, Checkpointed) and each.body), None)
    return None if found is None else await checkpoint_in(found)
