"""The account of a run, as it was at the moment of a checkpoint: what was undone by going on from there is undone
here, too.
"""

import copy
from collections import Counter, defaultdict
from collections.abc import Iterable

import trio

from engine.checkpoint.checkpoint import Checkpoint
from engine.contracts.handler import NO_EDGE
from tests.simulation.endings import Endings
from tests.simulation.ledger import Ledger
from tests.simulation.order import HandledOrder
from tests.simulation.plan import Plan

Key = tuple[str, bytes]


def frozen(ledger: Ledger) -> Ledger:
    """Return the account of this moment, which nothing changes any more."""
    fork = copy.copy(ledger)
    for name, value in vars(ledger).items():
        if isinstance(value, defaultdict):
            setattr(
                fork,
                name,
                defaultdict(value.default_factory, {key: copy.copy(each) for key, each in value.items()}),
            )
        elif isinstance(value, Counter | dict | set | list):
            setattr(fork, name, copy.copy(value))
    fork.order = _order_of(ledger.order)
    return fork


def _order_of(order: HandledOrder) -> HandledOrder:
    fork = copy.copy(order)
    fork._made = dict(order._made)
    fork._latest = dict(order._latest)
    fork._begun = defaultdict(dict, {node: dict(begun) for node, begun in order._begun.items()})
    fork._requests = list(order._requests)
    return fork


def gone_back(fork: Ledger, checkpoint: Checkpoint, injected: Iterable[Key], plan: Plan) -> Ledger:
    """Let an account be that of an execution which goes on from a checkpoint that was taken at its moment."""
    present: set[Key] = set()
    fork._last = {}
    for node in checkpoint.nodes:
        for message in node.waiting:
            _undo(fork, (node.id, message.value))
        for taken in node.taken:
            for message in taken.messages[len(taken.outcomes) :]:
                if taken.attempts is None:
                    _undo(fork, (node.id, message.value))
                else:
                    fork.handled[node.id, message.value] = taken.attempts.failed + 1
                    fork._last[node.id] = message.value
        kept = node.handler.messages if node.handler is not None else ()
        messages = [*node.waiting, *kept, *[message for taken in node.taken for message in taken.messages]]
        present |= {(node.id, message.value) for message in messages if message.edge == NO_EDGE}
    present |= {(name, message.value) for name, message in checkpoint.held}
    _order_again(fork.order)
    offered = {(name, message.value) for name, message in checkpoint.offered}
    fork.accepted |= present | {key for key in injected if key in fork.handled}
    fork.refused |= offered
    fork.uncertain = fork.uncertain | (set(injected) - fork.accepted - fork.refused)
    fork.states = []
    fork.unacknowledged = set()  # receipts are of one process
    fork._initialized, fork._cleaned_up, fork._flushed = Counter(), Counter(), Counter()
    fork._begun = set()
    fork.is_resting = fork.is_pausing = False
    fork._running = 0
    fork.endings = _endings_of(fork.endings, checkpoint, plan)
    return fork


def _undo(fork: Ledger, key: Key) -> None:
    """An invocation counts as never begun."""
    if not fork.handled[key]:
        del fork.handled[key]
        return
    del fork.handled[key]
    for value in fork._made.pop(key, ()):  # within the call of a chain it may have been handled already
        for other in [other for other in fork.handled if other[1] == value]:
            _undo(fork, other)
    if key in fork._thrown_at:
        fork._thrown_at.discard(key)
        fork.thrown[key[0]] -= 1
    fork.hopeless.discard(key)
    fork.order._begun[key[0]].pop(key[1], None)


def _order_again(order: HandledOrder) -> None:
    order._latest = {}
    for node, begun in order._begun.items():
        for value in begun:
            maker, number = order._made.get(value, ("", 0))
            if maker:
                order._latest[node, maker] = max(number, order._latest.get((node, maker), -1))


def _endings_of(endings: Endings, checkpoint: Checkpoint, plan: Plan) -> Endings:
    fork = Endings(plan)
    fork.is_told = endings.is_told or checkpoint.input_end is not None
    fork.active = trio.current_time()
    fork.first_fatal = endings.first_fatal
    fork.has_begun = endings.has_begun or checkpoint.processed > 0
    fork.is_paused_open = checkpoint.is_paused and checkpoint.input_end is None
    return fork
