"""One simulated run: the plan's graph under the plan's people, on a clock that jumps, by a seeded scheduler."""

import contextlib
import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence
from random import Random

import hypothesis  # noqa: F401 - being imported, it makes Trio's scheduler draw from a source that can be seeded
import msgspec
import trio
import trio.abc
import trio.testing
from trio._core import _run as scheduler

from engine.checkpoint.checkpoint import Checkpoint
from engine.checkpoint.encoding import decoded, encoded
from engine.compile.chains import links_of
from engine.compile.compiler import compile_graph
from engine.compile.loaded_graph import LoadedGraph
from engine.contracts.lanes import NUMBERS
from engine.contracts.observer import FlowObserver
from engine.cooperative.slices import at_once, use_computing_clock
from engine.errors import (
    ConflictError,
    IllegalTransitionError,
    InboxFullError,
    NotFoundError,
    OverloadedError,
)
from engine.execution.execution import Execution
from engine.execution.grouped_shared import GroupedShared
from engine.execution.injection import locate
from engine.execution.joined_inbox import EdgeQueue, JoinedInbox
from engine.memory import ledger as memory
from engine.wall_clock import WallClock
from proto.execution import ExecutionSnapshot, ExecutionState
from proto.message import Injection
from tests.nesting import nested
from tests.simulation.endings import SLACK_SECONDS, Endings
from tests.simulation.forks import frozen, gone_back
from tests.simulation.hands import Hands
from tests.simulation.ledger import FOLLOWING, Ledger
from tests.simulation.parts import parts
from tests.simulation.plan import EDGE_VERBS, STOP_VERBS, Action, Plan, draw_plan
from tests.simulation.policies import policed_targets, ways_of_letters
from tests.simulation.reloads import Changer
from tests.simulation.stops import Stops

PATIENCE_SECONDS = 100_000
"""No run that goes on at all takes as long as this by its own clock; one that takes longer is stuck."""

OBEYED_IN: dict[str, tuple[ExecutionState, ...]] = {
    "pause": (ExecutionState.RUNNING,),
    "resume": (ExecutionState.PAUSED,),
    "complete": (ExecutionState.RUNNING, ExecutionState.PAUSED),
    **dict.fromkeys((*EDGE_VERBS, *STOP_VERBS), (ExecutionState.RUNNING, ExecutionState.PAUSED)),
}
"""The states in which commands may be obeyed; written down here again, not taken from the engine."""

MOST_STEPS = 300_000
"""Steps of tasks in one run. A run takes some thousands; one that takes more goes round in circles."""


class Report(msgspec.Struct, frozen=True):
    """What came of a run.

    Attributes:
        seed: replays it.
        violations: the promises that were broken; none in a good run.
        final_state: how the execution ended.
        messages: how many were handed over.
        digest: equal for two runs that did the same in the same order.
    """

    seed: int
    violations: tuple[str, ...]
    final_state: str
    messages: int
    digest: str


def simulate(
    seed: int, *, chaining: bool = True, runs: bool = False, forks: bool = False, changes: bool = False
) -> Report:
    """Run the plan of a seed, and check everything.

    Args:
        seed: decides everything.
        chaining: whether nodes that may run as one do.
        runs: whether the graph is mostly made of such nodes.
        forks: whether the execution is killed now and then, and goes on from a checkpoint.
        changes: whether somebody changes what it runs.
    """
    scheduler._r.seed(seed)
    clock = trio.testing.MockClock(autojump_threshold=0)
    run = Run(draw_plan(seed, runs=runs), chaining=chaining, forks=forks, changes=changes)
    return trio.run(run.run, clock=clock)


class Watchdog(trio.abc.Instrument):
    """Cancels a run that goes round in circles without its clock going on, which no deadline would notice."""

    def __init__(self, scope: trio.CancelScope) -> None:
        self._scope = scope
        self._token = trio.lowlevel.current_trio_token()
        self._steps = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        del task
        self._steps += 1
        if self._steps == MOST_STEPS:
            self._token.run_sync_soon(self._scope.cancel)


def is_over(execution: Execution) -> bool:
    """Whether it takes no commands any more."""
    return execution.is_ending or execution.finished.is_set()


class Run:
    """One execution of one plan."""

    def __init__(self, plan: Plan, *, chaining: bool, forks: bool = False, changes: bool = False) -> None:
        self._plan = plan
        self._forks = Random(f"forks {plan.seed}") if forks else None
        self._is_forked = False
        self.forks = 0
        self._injected: set[tuple[str, bytes]] = set()
        self._changes = changes
        self._changer: Changer | None = None
        self._chaining = chaining
        nodes = plan.document["nodes"]
        self._life = trio.CancelScope()  # which the runtime's end cancels
        self._account = memory.Ledger(process_bytes=0, owner_bytes=0).account("")
        edges = plan.document["edges"]
        ways = [(edge["source"]["node"], edge["target"]["node"]) for edge in edges]
        ways += ways_of_letters(plan.document)
        self._ticks = any(node["component"] == "tick" for node in nodes)
        self._endings = Endings(plan)
        self._ledger = Ledger(
            attempts={
                node["id"]: node["retry"]["maxAttempts"] if node.get("onError") == "retry" else 1 for node in nodes
            },
            unordered=frozenset(node["id"] for node in nodes if not node.get("ordered", True)),
            parallel=frozenset(node["id"] for node in nodes if node.get("concurrency", 1) > 1),
            edges=Counter(edge["source"]["node"] for edge in edges if edge["source"]["port"] == "out"),
            feeders={node["id"]: {source for source, target in ways if target == node["id"]} for node in nodes},
            droppers=frozenset(
                node["id"] for node in nodes if node.get("inbox", {}).get("overflow", "").startswith("drop")
            )
            | policed_targets(plan.document),
            endings=self._endings,
        )

    async def run(self) -> Report:
        """Live the execution's life and report."""
        use_computing_clock(lambda: 0.0)  # real time must not decide who goes first
        plan, ledger = self._plan, self._ledger
        graph = await self._graph(ledger)
        self._fed_within = {
            graph.nodes[chain[way.place]].id
            for chain in graph.chains
            for link in links_of(graph.nodes, chain)
            for outlet in link.outlets
            for way in outlet.ways
        }
        self._execution = execution = self._made(graph, ledger)
        if plan.is_watched:
            execution.add_flow_observer(ledger)
        self._hands = Hands(execution, ledger)
        self._stops = Stops(execution, ledger, plan.limits)
        ledger.look = self._look
        if self._changes:
            self._changer = Changer(plan, ledger, execution, nested(plan.document, Random(plan.seed)))
        tasks = trio.lowlevel.current_statistics().tasks_living
        with trio.move_on_after(PATIENCE_SECONDS) as patience:
            trio.lowlevel.add_instrument(Watchdog(patience))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._live)
                if plan.seed % 10:
                    with trio.move_on_after(1):
                        await execution.started.wait()
                async with trio.open_nursery() as crowd:
                    for person, actions in enumerate(plan.people):
                        crowd.start_soon(self._act, person, actions)
                    if self._changer is not None:
                        crowd.start_soon(self._changer.run)
                    if self._forks is not None:
                        crowd.start_soon(self._fork_now_and_then, nursery, self._forks)
                await self._end(nursery)
        execution, ledger = self._execution, self._ledger
        if patience.cancelled_caught:
            ledger.violate(f"stuck: {execution.state}, {execution.snapshot().metrics}")
        elif trio.lowlevel.current_statistics().tasks_living != tasks:
            ledger.violate("tasks were left behind")
        await self._check_end()
        return Report(
            seed=plan.seed,
            violations=tuple(dict.fromkeys(ledger.violations)),
            final_state=str(execution.state),
            messages=ledger.handled.total(),
            digest=hashlib.sha256("\n".join(ledger.trace).encode()).hexdigest(),
        )

    async def _graph(self, ledger: Ledger) -> LoadedGraph:
        plan = self._plan
        components = parts(ledger, Random(plan.seed), diverging=plan.seed % 4 == 1)
        is_policed = any("policy" in edge for edge in plan.document["edges"])
        document = plan.document if is_policed else nested(plan.document, Random(plan.seed))
        return await compile_graph(document, components, plan.limits, WallClock(trio.current_time).timestamp)

    def _made(self, graph: LoadedGraph, ledger: Ledger, begins_from: Checkpoint | None = None) -> Execution:
        plan = self._plan
        return Execution(
            execution_id=f"run-{plan.seed}",
            graph=graph,
            limits=plan.limits,
            completion=plan.completion,
            timeout_ms=plan.timeout_ms,
            observers=[ledger],
            clock=WallClock(trio.current_time),
            chaining=self._chaining,
            account=self._account,
            begins_from=begins_from,
        )

    async def _live(self) -> None:
        self._endings.begin()
        with self._life:
            await self._execution.run()

    # Checkpoints

    async def _fork_now_and_then(self, nursery: trio.Nursery, random: Random) -> None:
        for _ in range(random.randint(1, 4)):
            await trio.sleep(random.choice((0.0, 0.0, 0.001, 0.1, 0.5, 2.0)))
            for _ in range(random.randint(0, 40)):
                await trio.lowlevel.checkpoint()
            await self._fork(nursery, random)

    async def _fork(self, nursery: trio.Nursery, random: Random) -> None:
        """Kill the execution, and go on from a checkpoint; what was accepted after that is injected again."""
        old, before = self._execution, self._ledger
        fork = frozen(before)  # the cut is taken before anybody else has a turn
        injected = set(self._injected)
        try:
            checkpoint = await old.checkpoint()
        except ConflictError:
            return
        for _ in range(random.randint(0, 20)):
            await trio.lowlevel.checkpoint()
        if is_over(old):
            return
        checkpoint = at_once(decoded(at_once(encoded(checkpoint))))
        ledger = gone_back(fork, checkpoint, injected, self._plan)
        ledger.violations = before.violations
        self._is_forked = True
        after = (before.accepted & self._injected) - ledger.accepted - ledger.uncertain
        graph = await self._graph(ledger)
        if is_over(old):
            return
        self.forks += 1
        old.abandon()
        self._account = memory.Ledger(process_bytes=0, owner_bytes=0).account("")
        self._ledger, self._endings, self._life = ledger, ledger.endings, trio.CancelScope()
        ledger.look = lambda _: ()
        self._execution = execution = self._made(graph, ledger, checkpoint)
        self._hands = self._hands.of(execution, ledger)
        if random.random() < 0.5:
            execution.add_flow_observer(FlowObserver())
        nursery.start_soon(self._live)
        await execution.started.wait()
        if checkpoint.is_paused and execution.state is ExecutionState.PAUSED:
            ledger.is_resting = True
        for node, value in sorted(after, key=lambda key: [int(number) for number in re.findall(rb"\d+", key[1])]):
            ledger.note_injected(value, before._lanes[value])
            await self._inject_again(execution, ledger, node, value)

    async def _inject_again(self, execution: Execution, ledger: Ledger, node: str, value: bytes) -> None:
        message = Injection(node, "in", msgspec.Raw(value), self._plan.lane_of(value))
        try:
            await execution.inject(await locate(execution.graph, [message], self._plan.limits), final=False)
        except (OverloadedError, ConflictError):
            ledger.refused.add((node, value))
        else:
            ledger.accepted.add((node, value))
            ledger.endings.has_begun = True
            ledger.endings.active = trio.current_time()

    # The people

    async def _act(self, person: int, actions: Sequence[Action]) -> None:
        for number, action in enumerate(actions):
            await trio.sleep(action.after_seconds)
            if self._is_forked:
                await self._execution.started.wait()
            state = self._execution.state
            try:
                await self._obey(f"{person}.{number}", action)
            except (ConflictError, NotFoundError, InboxFullError):
                self._ledger.trace.append(f"{person} is told: not now")
            else:
                if state not in OBEYED_IN.get(action.verb, (state,)):
                    self._ledger.violate(f"{action.verb} was obeyed, and the execution was {state}")

    async def _obey(self, name: str, action: Action) -> None:
        if action.verb in EDGE_VERBS:
            self._hands.obey(name, action)
        elif action.verb in STOP_VERBS:
            await self._stops.obey(name, action)
        elif action.verb == "inject":
            await self._inject(name, action, action.count)
        elif action.verb == "inject patiently":
            with trio.move_on_after(action.patience_seconds):
                await self._inject(name, action, 1)
        elif action.verb == "inject alone":
            with trio.move_on_after(action.patience_seconds):
                await self._execution.wait_quiescent()
            await self._inject(name, action, 1)
        elif action.verb == "pause":
            await self._pause()
        elif action.verb == "resume":
            self._ledger.stir()
            await self._execution.resume()
            if self._endings.is_paused_open:
                self._endings.active = trio.current_time()
        elif action.verb == "complete":
            self._complete()
        elif action.verb == "shut down":
            self._ledger.stir()
            self._endings.is_cut = True
            self._life.cancel()
        else:
            await self._stop(drain=action.verb == "drain")

    async def _inject(self, name: str, action: Action, count: int) -> None:
        ledger, execution, plan = self._ledger, self._execution, self._plan
        endings = self._endings
        values = [b'[ "%s/%d" ]' % (name.encode(), index) for index in range(count)]
        nodes = [action.node if index % 3 < 2 else self._other(action.node) for index in range(count)]
        keys = list(zip(nodes, values, strict=True))
        self._injected.update(keys)
        messages = [Injection(node, "in", msgspec.Raw(value), plan.lane_of(value)) for node, value in keys]
        for message in messages:
            ledger.note_injected(bytes(message.value), NUMBERS[message.lane])
        for node in set(nodes):
            ledger.order.note_request(node, [value for at, value in keys if at == node])
        came = trio.current_time()
        try:
            await execution.inject(await locate(execution.graph, messages, plan.limits), final=action.final)
        except OverloadedError as error:
            ledger.accepted.update(keys[: error.accepted])
            ledger.refused.update(keys[error.accepted :])
            waited = trio.current_time() - came
            if waited > plan.limits.injection_wait_seconds + SLACK_SECONDS:
                ledger.violate(f"an injection was refused after {waited} seconds")
        except (trio.Cancelled, IllegalTransitionError) as error:
            endings.has_parted_request |= isinstance(error, IllegalTransitionError) and error.accepted > 0
            # A request of several that the end has cut short may have been accepted in part.
            (ledger.refused if count == 1 else ledger.uncertain).update(keys)
            raise
        else:
            ledger.accepted.update(keys)
            endings.has_begun = True
            endings.active = max(came, endings.active)
            endings.is_told = endings.is_told or action.final
            if count == 1:
                ledger.single[action.node].append((came, values[0]))
        held = execution.statistics().held
        if held > plan.limits.max_held_messages:
            ledger.violate(f"{held} messages are held")

    def _other(self, node: str) -> str:
        """The node behind one, round the graph's list."""
        nodes = [each["id"] for each in self._plan.document["nodes"]]
        return str(nodes[(nodes.index(node) + 1) % len(nodes)])

    def _complete(self) -> None:
        self._execution.complete()
        self._endings.is_told = True

    async def _pause(self) -> None:
        was_pausing, self._ledger.is_pausing = self._ledger.is_pausing, True
        if self._execution.state is ExecutionState.RUNNING:
            self._endings.is_paused_open = not self._execution.shared.input.is_closed
        try:
            await self._execution.pause()
        except ConflictError:
            self._ledger.is_pausing = was_pausing
            raise
        if self._execution.state is ExecutionState.PAUSED:
            self._ledger.rest()

    async def _stop(self, *, drain: bool) -> None:
        limits = self._plan.limits
        self._ledger.stir()
        began = trio.current_time()
        endings, was_cut = self._endings, self._endings.is_cut
        if drain:
            endings.drains.append(began)
            was_told, endings.is_told = endings.is_told, True
        else:
            endings.is_cut = True
        try:
            await self._execution.stop(drain=drain)
        except ConflictError:
            endings.is_cut = was_cut
            if drain:
                endings.drains.remove(began)
                endings.is_told = was_told
            raise
        allowed = limits.cleanup_seconds + (limits.stop_seconds * 0.75 if drain else 0)
        if trio.current_time() - began > allowed + SLACK_SECONDS:
            self._ledger.violate(f"stop took {trio.current_time() - began} seconds")

    # The end

    async def _end(self, nursery: trio.Nursery) -> None:
        """Let the execution go on until it ends by itself; but one that cannot even be initialised is stopped."""
        execution, ledger, plan = self._execution, self._ledger, self._plan
        with trio.move_on_after(1):
            await execution.started.wait()
        if not execution.started.is_set():
            await self._stop(drain=False)
        ledger.stir()
        await self._stops.let_all_go()
        self._hands.let_all_go()
        with contextlib.suppress(IllegalTransitionError):
            await execution.resume()
        if plan.completion == "auto" and self._endings.has_begun and not self._ticks:
            with trio.move_on_after(PATIENCE_SECONDS / 2):
                await execution.finished.wait()
            if not execution.finished.is_set():
                ledger.violate("it was quiet, and did not complete by itself")
        with contextlib.suppress(IllegalTransitionError):
            self._complete()
        if self._forks is not None:
            for _ in range(self._forks.randint(0, 60)):
                await trio.lowlevel.checkpoint()
            await self._fork(nursery, self._forks)
        await self._execution.finished.wait()

    async def _check_end(self) -> None:
        execution, ledger, plan = self._execution, self._ledger, self._plan
        snapshot = execution.snapshot()
        if FOLLOWING.get(str(snapshot.state)) != () or not execution.finished.is_set():
            ledger.violate(f"the run is over, and its execution is {snapshot.state}")
        if snapshot.error is not None and snapshot.error.message.startswith("Internal error"):
            ledger.violate(f"{snapshot.error.message}\n{snapshot.error.stack}")
        ledger.check_lives()
        ledger.violations += self._endings.violations(snapshot) + ledger.order.violations(ledger.reordered)
        self._check_unprocessed(snapshot)
        is_watched = plan.is_watched and not self._is_forked
        if is_watched:
            ledger.check_messages(snapshot)
            ledger.check_order_of_injections()
        if snapshot.state is ExecutionState.COMPLETED:
            ledger.check_metrics(snapshot, watched=is_watched)
            self._check_groups()
        self._check_statistics()
        self._check_memory(snapshot.state)
        for command in (execution.pause, execution.resume, lambda: execution.stop(drain=False)):
            try:
                await command()
            except IllegalTransitionError:
                continue
            ledger.violate("a command was obeyed after the end")
        await trio.sleep(10)
        if execution.state is not snapshot.state:
            ledger.violate(f"{snapshot.state} became {execution.state}")

    def _check_unprocessed(self, snapshot: ExecutionSnapshot) -> None:
        """The engine's own figures agree, and what is unprocessed is in flight, or with a handler that waits."""
        ledger = self._ledger
        entered = len(ledger.accepted) + sum(edge.sent for edge in self._execution.statistics().edges)
        processed = snapshot.metrics.messages_processed
        accounted = processed + ledger.dropped_messages + snapshot.unprocessed
        if not entered <= accounted <= entered + len(ledger.uncertain):
            ledger.violate(f"{entered} messages, {processed} processed, {snapshot.unprocessed} unprocessed")
        if sum(instance.unprocessed for instance in snapshot.instances) != snapshot.unprocessed:
            ledger.violate("the nodes have other messages unprocessed than the execution")
        waiting = sum(
            instance.in_hand.held
            for instance in self._execution.instances
            if not instance._handlers[0].counts_as_in_flight
        )
        in_flight = self._execution.statistics().in_flight - self._complete_groups()
        if in_flight + waiting != snapshot.unprocessed:
            ledger.violate(f"{in_flight} in flight, {waiting} waiting, {snapshot.unprocessed} unprocessed")

    def _complete_groups(self) -> int:
        """How many groups are complete and have not been put together: each is in flight."""
        shared = self._execution.shared
        return shared.complete_groups if isinstance(shared, GroupedShared) else 0

    def _check_groups(self) -> None:
        """Nothing of a message that was taken apart is counted as under way when all is done."""
        shared = self._execution.shared
        if isinstance(shared, GroupedShared) and any(each.under_way for each in shared._openers.values()):
            self._ledger.violate("it completed, and places are counted that nothing has")

    def _check_memory(self, state: ExecutionState) -> None:
        """What has been let go is charged no more; and all that is charged is somebody's."""
        account = self._account
        leased = sum(inbox.leased_bytes for inbox in self._execution.shared.inboxes)
        if account.held("inboxes") != leased:
            self._ledger.violate(f"{account.held('inboxes')} bytes are charged for inboxes that lease {leased}")
        self._execution.empty()
        left = {kind: account.held(kind) for kind in ("outcomes", *(("held",) if state == "completed" else ()))}
        if any(left.values()):
            self._ledger.violate(f"after the end, {left} bytes are still charged")
        account.close()
        if account.ledger.held_bytes:
            self._ledger.violate(f"{account.ledger.held_bytes} bytes are charged to nobody")

    def _look(self, node_id: str) -> Sequence[str]:
        """Whether a node's inbox keeps its bounds at this moment."""
        node = self._execution.graph.node(node_id)
        if node is None:
            return (f"unknown node {node_id}",)
        if node.id in self._fed_within or self._changer is not None or node.id in self._ledger.in_hands:
            return ()  # what a chain gives back to it when it ends is on no bound, nor is what is let go
        queues = self._execution.shared.inboxes[node.index]
        inbox = queues.statistics()
        if isinstance(queues, JoinedInbox):
            return [wrong for queue in queues.queues.values() for wrong in self._look_at_edge(queue)]
        if inbox.current_buffer_used > node.capacity:
            return (f"{inbox.current_buffer_used} messages wait before {node_id}, which may hold {node.capacity}",)
        if inbox.current_buffer_bytes > self._plan.limits.inbox_bytes and inbox.current_buffer_used > 1:
            return (f"{inbox.current_buffer_bytes} bytes wait before {node_id}",)
        return ()

    def _look_at_edge(self, queue: EdgeQueue) -> Sequence[str]:
        """Whether an edge with a policy keeps its bounds, and nothing waits there for too long."""
        rules, waiting = queue.rules, queue.statistics()
        edge = self._execution.graph.edges[rules.edge]
        named = f"on the edge from {edge.source} to {edge.target}"
        wrong = []
        if waiting.current_buffer_used > rules.capacity:
            wrong.append(f"{waiting.current_buffer_used} messages wait {named}, which may hold {rules.capacity}")
        if waiting.current_buffer_bytes > rules.size_bytes and waiting.current_buffer_used > 1:
            wrong.append(f"{waiting.current_buffer_bytes} bytes wait {named}, which may hold {rules.size_bytes}")
        deadline = queue.messages.next_deadline()
        if deadline is not None and deadline < trio.current_time():
            wrong.append(f"a message waits {named} that should have expired at {deadline}")
        return wrong

    def _check_statistics(self) -> None:
        ledger, statistics = self._ledger, self._execution.statistics()
        for node in statistics.nodes:
            is_on_no_bound = self._is_forked or node.node_id in ledger.in_hands
            if node.peak_messages > node.capacity and not is_on_no_bound:
                ledger.violate(f"{node.peak_messages} messages waited before {node.node_id}")
            if node.blocked_senders:
                ledger.violate(f"{node.blocked_senders} senders still wait before {node.node_id}")
        if (
            self._plan.is_watched
            and not self._is_forked
            and sum(edge.sent for edge in statistics.edges) != len(ledger.edge_of)
        ):
            ledger.violate("the edges counted other messages than were sent")
        if self._execution.state is ExecutionState.COMPLETED and any(edge.queued for edge in statistics.edges):
            ledger.violate("messages are queued on an edge of a completed execution")
        if not math.isfinite(self._execution.snapshot().metrics.avg_latency_ms):
            ledger.violate("a latency is no number")
