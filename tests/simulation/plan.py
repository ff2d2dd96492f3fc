"""What one run does, drawn from a seed before the run begins: a graph, its limits, and people with commands."""

from itertools import chain, pairwise
from random import Random
from typing import Any, Literal

import msgspec

from engine.compile.groups import NESTED_LIMIT
from engine.limits import EngineLimits
from proto.execution import Completion
from proto.message import Lane
from tests.nesting import draw_paths, renamed
from tests.simulation.policies import with_policies

MAX_NODES = 50

JAMMED_NODES = 4
"""A run of three nodes, and one before which they wait."""

StopVerb = Literal["break", "mend", "answer"]

EdgeVerb = Literal["hold", "let go", "step", "drop", "edit", "move", "insert", "redirect"]

Verb = (
    Literal[
        "inject", "inject patiently", "inject alone", "pause", "resume", "complete", "stop", "drain", "shut down"
    ]
    | EdgeVerb
    | StopVerb
)


class Action(msgspec.Struct, frozen=True):
    """One command of one person, ``after_seconds`` after the one before.

    Attributes:
        after_seconds: the wait before it.
        verb: what is commanded; ``inject patiently`` gives up after ``patience_seconds``;
            ``inject alone`` waits so long for everything else to be processed.
        node: where to inject.
        count: messages to inject in one request.
        final: whether they are the last ones.
        patience_seconds: how long the person waits.
        edge: of a command to an edge: which one, round the graph's list; -1 for what is injected at ``node``.
    """

    after_seconds: float
    verb: Verb
    node: str = ""
    count: int = 1
    final: bool = False
    patience_seconds: float = 1.0
    edge: int = -1


class Plan(msgspec.Struct, frozen=True):
    """Everything that a run does by intent; only the scheduler decides the rest, by the same seed."""

    seed: int
    document: dict[str, Any]
    limits: EngineLimits
    completion: Completion
    timeout_ms: float
    people: tuple[tuple[Action, ...], ...]
    is_watched: bool

    def lane_of(self, value: bytes) -> Lane:
        """The lane that a value is injected in: in a third of the runs, one value of four is apocryphal."""
        return "apocryphal" if self.seed % 3 == 0 and sum(value) % 4 == 0 else "canonical"


COUNTED_SEEDS = 60
"""The first seeds, of which README.md counts those that notice something."""

EDGE_VERBS: tuple[EdgeVerb, ...] = ("hold", "let go", "step", "drop", "edit", "move", "insert", "redirect")

STOP_VERBS: tuple[StopVerb, ...] = ("break", "mend", "answer")

BROKEN_SEEDS = 150
"""The first seeds, within which a broken engine must be noticed; README.md says how many of them it takes."""

KINDS = ("fast", "slow", "throw", "crash", "delay", "gather", "flood", "aside", "source")
KIND_WEIGHTS = (30, 15, 12, 2, 8, 8, 8, 5, 2)


def draw_plan(seed: int, *, runs: bool = False) -> Plan:
    """The plan of a seed; the same on every machine. With ``runs``, its graph is mostly runs of nodes."""
    plan = _with_purpose(_draw(Random(seed), seed, runs=runs), seed, runs=runs)
    if seed > COUNTED_SEEDS and seed % 5 == 4:
        plan = _in_hands(plan, Random(f"in hands {seed}"))
    if seed > COUNTED_SEEDS and (seed % 5 == 3 or seed % 20 == 4):
        plan = _stopped(plan, Random(f"stopped {seed}"))
    if is_policed(seed):
        bounds = plan.limits.inbox_messages, plan.limits.inbox_bytes
        policed = with_policies(plan.document, Random(f"policies {seed}"), bounds)
        plan = msgspec.structs.replace(plan, document=policed)
    plan = _handing_on(plan, Random(f"handing on {seed}")) if seed % 2 else plan
    return _nested(plan, Random(f"nested {seed}")) if seed % 3 == 1 else plan


def is_policed(seed: int) -> bool:
    """Whether some edges of a seed's graph have policies."""
    return seed >= BROKEN_SEEDS and seed % 3 != 1 and seed % 8 in (0, 2, 4)


def _handing_on(plan: Plan, random: Random) -> Plan:
    """The plan with some of its quick nodes of the kind that only hands on: in the chain of those around them."""
    nodes = [
        {**node, "component": "relay"} if node["component"] == "fast" and random.random() < 0.5 else node
        for node in plan.document["nodes"]
    ]
    return msgspec.structs.replace(plan, document={**plan.document, "nodes": nodes})


def _with_purpose(plan: Plan, seed: int, *, runs: bool) -> Plan:
    if runs:
        return _jammed(plan, Random(-seed)) if seed % 2 == 0 else plan
    if seed % 8 == 3:
        return _hurried(plan)
    if seed % 16 == 5:
        return _doomed(plan)
    if seed % 8 == 2 and seed > COUNTED_SEEDS:
        return _taken_apart(plan, Random(-seed))
    return _paused_twice(plan) if seed % 64 == 13 else plan


def _taken_apart(plan: Plan, random: Random) -> Plan:
    """The plan with parts of its graph that take messages apart and put together what has become of them.

    They lie one behind the other, or one within the other.
    """
    nodes = [dict(node) for node in plan.document["nodes"]]
    edges = {
        (edge["source"]["node"], edge["source"]["port"], edge["target"]["node"]): edge
        for edge in plan.document["edges"]
    }
    first, last = 0, len(nodes) - 1
    for _ in range(NESTED_LIMIT):  # so that no more of them lie within each other
        if last - first < 2:  # a node at least between the two
            break
        first = random.randint(first, last - 2)
        last = random.randint(first + 2, min(last, first + 9))
        holds = any(node["component"] == "gather" for node in nodes)  # until more comes, which would not
        most = 0 if holds else random.choice((0, 1, 3))
        for at, kind in ((first, "take apart"), (last, "put together")):
            config = {"pad": 0, "modulus": random.randint(0, 4), "concurrency": most}
            plain = {key: value for key, value in nodes[at].items() if key not in ("concurrency", "ordered")}
            nodes[at] = {**plain, "component": kind, "config": config}
        for low, high in pairwise(range(first, last + 1)):
            way = (nodes[low]["id"], "out", nodes[high]["id"])
            if random.random() < 0.9 or high - first == 1:
                edges.setdefault(way, _edge(*way, "in"))
        shortcut = (nodes[random.randint(first, last - 1)]["id"], "out", nodes[last]["id"])
        edges.setdefault(shortcut, _edge(*shortcut, "in"))
        way = (nodes[first]["id"], "out", nodes[last]["id"])
        edges.setdefault(way, _edge(*way, "in"))
        first, last = (first + 1, last - 1) if random.random() < 0.5 else (last + 1, len(nodes) - 1)
    return msgspec.structs.replace(plan, document={**plan.document, "nodes": nodes, "edges": list(edges.values())})


def _nested(plan: Plan, random: Random) -> Plan:
    """The plan with paths for ids: its graph is loaded as graphs inside graphs (``tests.nesting``)."""
    paths = draw_paths(random, [node["id"] for node in plan.document["nodes"]])
    people = tuple(
        tuple(msgspec.structs.replace(action, node=paths.get(action.node, action.node)) for action in actions)
        for actions in plan.people
    )
    return msgspec.structs.replace(plan, document=renamed(plan.document, paths), people=people)


def _in_hands(plan: Plan, random: Random) -> Plan:
    """The plan with two people more, who take its edges in hand while the others do what they do."""
    nodes = [node["id"] for node in plan.document["nodes"]]

    def drawn() -> Action:
        (verb,) = random.choices(EDGE_VERBS, (30, 20, 20, 8, 8, 6, 6, 5))
        edge = random.randint(-1, max(0, len(plan.document["edges"]) - 1))
        after = random.choice((0.0, 0.0, 0.001, 0.1, 0.5))
        return Action(after, verb, random.choice(nodes), random.choice((1, 1, 2, 5)), edge=edge)

    hands = [tuple(drawn() for _ in range(random.randint(5, 60))) for _ in range(2)]
    if random.random() < 0.5:  # and somebody who holds one edge again and again, whatever comes along it meanwhile
        edge = random.randint(0, max(0, len(plan.document["edges"]) - 1))
        source = plan.document["edges"][edge]["source"]["node"] if plan.document["edges"] else nodes[0]
        rounds = [
            (
                Action(random.choice((0.0, 0.1)), "hold", nodes[0], edge=edge),
                Action(0.0, "inject", source, random.choice((1, 5))),
                Action(random.choice((0.0, 0.05)), "let go", nodes[0], edge=edge),
                Action(0.0, "inject", source, random.choice((1, 5))),
            )
            for _ in range(8)
        ]
        hands.append(tuple(chain.from_iterable(rounds)))
    return msgspec.structs.replace(plan, people=(*plan.people, *hands))


def _stopped(plan: Plan, random: Random) -> Plan:
    """The plan with two people more, who set breakpoints and let go what these hold while the others go on."""
    nodes = [node["id"] for node in plan.document["nodes"]]

    def drawn() -> Action:
        (verb,) = random.choices(STOP_VERBS, (25, 5, 70))
        edge = random.randint(-1, max(0, len(plan.document["edges"]) - 1))
        after = random.choice((0.0, 0.0, 0.001, 0.1, 0.5))
        return Action(after, verb, random.choice(nodes), edge=random.choice((edge, -1)))

    stops = tuple(tuple(drawn() for _ in range(random.randint(10, 80))) for _ in range(2))
    return msgspec.structs.replace(plan, people=(*plan.people, *stops))


def _jammed(plan: Plan, random: Random) -> Plan:
    """The plan with a run of nodes at its end before a slow one, for which it waits when somebody stops it."""
    nodes = list(plan.document["nodes"])
    if len(nodes) < JAMMED_NODES:
        return plan
    *run, last = [node["id"] for node in nodes[-JAMMED_NODES:]]
    config = {"pad": 0, "modulus": 2, "seconds": 0.3}
    kinds = ["flood" if random.random() < 0.4 else "fast" for _ in run]
    nodes[-JAMMED_NODES:] = [
        *({"id": node, "component": kind, "config": config} for node, kind in zip(run, kinds, strict=True)),
        {"id": last, "component": "slow", "config": config, "inbox": {"capacity": 1}, "onError": "continue"},
    ]
    edges = [edge for edge in plan.document["edges"] if edge["source"]["node"] not in run]
    edges += [_edge(source, "out", target, "in") for source, target in pairwise([*run, last])]
    stops = Action(random.choice((0.0, 0.1, 0.5, 2.0)), "stop")
    return msgspec.structs.replace(
        plan,
        document={**plan.document, "nodes": nodes, "edges": edges},
        people=(*plan.people, (Action(0.0, "inject", run[0], 20), Action(0.0, "inject", run[0], 60), stops)),
        is_watched=random.random() < 0.3,
    )


def _hurried(plan: Plan) -> Plan:
    """The plan with a quick last node of little room, and somebody who asks for completion while it is filled."""
    *nodes, last = plan.document["nodes"]
    quick = {"id": last["id"], "component": "fast", "config": {"pad": 0, "modulus": 2}, "concurrency": 2}
    quick |= {"inbox": {"capacity": 1}, "onError": "continue"}
    fills, completes = Action(0.0, "inject", last["id"], 60), Action(0.0, "complete")
    return msgspec.structs.replace(
        plan,
        document={**plan.document, "nodes": [*nodes, quick]},
        people=((fills,), (Action(0.0, "resume"), Action(0.0, "resume"), completes), *plan.people),
    )


def _doomed(plan: Plan) -> Plan:
    """The plan with two nodes at its end that fail the execution, both at once."""
    nodes = plan.document["nodes"]
    last = [node["id"] for node in nodes[-2:]]
    config = {"pad": 0, "modulus": 1}
    failing = [{"id": node, "component": "throw", "config": config, "onError": "fail"} for node in last]
    edges = [edge for edge in plan.document["edges"] if edge["source"]["node"] not in last]
    return msgspec.structs.replace(
        plan,
        document={**plan.document, "nodes": [*nodes[:-2], *failing], "edges": edges},
        people=(*((Action(0.0, "inject", node),) for node in last), *plan.people),
    )


def _paused_twice(plan: Plan) -> Plan:
    """One node that is quiet by itself, and somebody who asks for a second pause during the first."""
    quiet = {"id": "n0", "component": "fast", "config": {"pad": 0, "modulus": 2}}
    pauses = Action(0.5, "inject", "n0"), Action(0.5, "pause"), Action(5.0, "pause"), Action(1.0, "resume")
    return msgspec.structs.replace(
        plan,
        document={**plan.document, "nodes": [quiet], "edges": []},
        limits=msgspec.structs.replace(plan.limits, completion_grace_ms=2000),
        completion="auto",
        timeout_ms=0,
        people=(pauses,),
    )


def _edge(source: str, port: str, target: str, into: str) -> dict[str, Any]:
    return {"source": {"node": source, "port": port}, "target": {"node": target, "port": into}}


def _draw(random: Random, seed: int, *, runs: bool) -> Plan:
    size = random.choice((1, 2, 3, 5, 8, 13, 21, MAX_NODES))
    nodes = [f"n{index}" for index in range(random.randint(1, size))]
    limits = _draw_limits(random)
    return Plan(
        seed=seed,
        document={
            "symbia": "1.0",
            "name": f"Simulation {seed}",
            "nodes": [(_draw_link if runs else _draw_node)(random, node, limits) for node in nodes],
            "edges": (_draw_runs if runs else _draw_edges)(random, nodes),
            "metadata": {"role": "pipeline"} if random.random() < 0.3 else {},
        },
        limits=limits,
        completion="auto" if random.random() < 0.5 else "manual",
        timeout_ms=random.choice((0, 0, 0, 0, 0, 0, 300, 2000, 10_000)),
        people=tuple(_draw_person(random, nodes) for _ in range(random.randint(1, 4))),
        is_watched=random.random() < (0.5 if runs else 0.9),
    )


def _draw_node(random: Random, node: str, limits: EngineLimits) -> dict[str, Any]:
    (kind,) = random.choices(KINDS, KIND_WEIGHTS)
    config: dict[str, Any] = {"pad": random.choice((0, 0, 5, 60)), "modulus": random.randint(2, 9)}
    if kind in ("slow", "delay", "aside"):
        config["seconds"] = random.choice((0.0, 0.01, 0.3, 2.0))
    if kind == "gather":
        config |= {"count": random.randint(2, 6), "seconds": random.choice((0.0, 0.5, 3.0))}
    if random.random() < 0.004:
        config["initialize"] = random.choice(("throw", "hang", "slow"))
    if random.random() < 0.03:
        config["cleanup"] = random.choice(("throw", "hang", "slow", "aside"))
    if kind == "source" and config["modulus"] % 2:
        kind = "pump" if config["modulus"] > 4 else "tick"
    fields: dict[str, Any] = {"id": node, "component": kind, "config": config}
    if random.random() < 0.6:
        overflow = random.choice(("block", "block", "block", "reject", "drop-oldest", "drop-newest"))
        fields["inbox"] = {"capacity": random.randint(1, min(6, limits.inbox_messages)), "overflow": overflow}
    if random.random() < 0.9:
        fields["onError"] = random.choices(("continue", "retry", "fail"), (8, 4, 1))[0]
        fields["retry"] = {"maxAttempts": random.randint(1, 4), "backoffMs": random.choice((0, 10, 500))}
    if kind in ("fast", "slow", "throw") and random.random() < 0.2:
        fields |= {"concurrency": random.randint(2, 4), "ordered": random.random() < 0.7}
    return fields


def _draw_link(random: Random, node: str, limits: EngineLimits) -> dict[str, Any]:
    """A node as above, but for most of what keeps it from running as one with others."""
    fields = _draw_node(random, node, limits)
    if random.random() < 0.9:
        fields = {key: value for key, value in fields.items() if key not in ("inbox", "concurrency", "ordered")}
        if fields.get("onError") == "retry":
            fields["onError"] = "continue"
    return fields


def _draw_runs(random: Random, nodes: list[str]) -> list[dict[str, Any]]:
    """Edges from each node to the next, now and then one that is missing, and some from error ports further on.

    In half of the graphs some nodes also feed others further on, so that they branch and join.
    """
    edges = []
    branching = random.random() < 0.5
    for low, source in enumerate(nodes[:-1]):
        if random.random() < 0.9:
            edges.append((source, "out", nodes[low + 1]))
        if branching and low + 2 < len(nodes) and random.random() < 0.3:
            edges.append((source, "out", nodes[random.randint(low + 2, min(len(nodes) - 1, low + 6))]))
        if random.random() < 0.2:
            edges.append((source, "error", nodes[random.randint(low + 1, len(nodes) - 1)]))
    return [_edge(source, port, target, random.choice(("in", "other"))) for source, port, target in edges]


def _draw_edges(random: Random, nodes: list[str]) -> list[dict[str, Any]]:
    edges: dict[tuple[str, str, str], str] = {}
    for low, source in enumerate(nodes[:-1]):
        for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
            target = nodes[random.randint(low + 1, min(len(nodes) - 1, low + 8))]
            # No value may reach a node twice: the ledger tells a node's messages apart by their values.
            edges[source, random.choice(("out", "out", "out", "error")), target] = random.choice(("in", "other"))
    return [_edge(source, port, target, into) for (source, port, target), into in edges.items()]


def _draw_limits(random: Random) -> EngineLimits:
    return EngineLimits(
        batch_messages=random.choice((1, 2, 5, 64)),
        inbox_messages=random.choice((1, 3, 10, 1000)),
        inbox_bytes=random.choice((30, 100, 1_000_000)),
        max_held_messages=random.choice((1, 5, 10_000)),
        injection_wait_seconds=random.choice((0.1, 1.0, 5.0)),
        completion_grace_ms=random.choice((0, 100, 2000)),
        stop_seconds=random.choice((0.5, 5.0)),
        cleanup_seconds=random.choice((0.2, 1.0)),
    )


def _draw_person(random: Random, nodes: list[str]) -> tuple[Action, ...]:
    return tuple(_draw_action(random, nodes) for _ in range(random.randint(1, 40)))


def _draw_action(random: Random, nodes: list[str]) -> Action:
    after = random.choice((0.0, 0.0, 0.001, 0.1, 0.5, 2.0))
    verbs: tuple[Verb, ...] = (
        "inject",
        "inject patiently",
        "inject alone",
        "pause",
        "resume",
        "complete",
        "stop",
        "drain",
        "shut down",
    )
    (verb,) = random.choices(verbs, (50, 10, 20, 12, 14, 0.7, 0.7, 1, 0.3))
    count = random.choice((1, 1, 1, 2, 5, 20, 60))
    final = random.random() < 0.01
    patience = random.choice((0.0, 0.05, 0.5))
    return Action(after, verb, random.choice(nodes), count, final, patience)
