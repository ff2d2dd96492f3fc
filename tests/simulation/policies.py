"""Policies for some edges of a simulated graph: bounds, what a full edge does, expiry, priority, dead letters."""

from random import Random
from typing import Any

FREE = frozenset({"block", "reject"})
"""What a full edge may do that drops nothing."""

TELLING = frozenset({"fast", "slow", "aside", "throw", "flood"})
"""Kinds whose emissions follow from one message each: only they tell one rejected value from another.

Of two workers that send at once, one may find the edge full behind the other; and what an error port rejects ends
the execution.
"""


def with_policies(document: dict[str, Any], random: Random, limits: tuple[int, int]) -> dict[str, Any]:
    """The document with policies for some of its edges.

    Args:
        document: of the graph, whose edges lead from earlier nodes to later ones.
        random: decides.
        limits: the messages and bytes that an inbox may have.
    """
    kinds = {node["id"]: node["component"] for node in document["nodes"]}
    places = {node["id"]: place for place, node in enumerate(document["nodes"])}
    workers = {node["id"]: node.get("concurrency", 1) for node in document["nodes"]}
    edges = [dict(edge) for edge in document["edges"]]
    for edge in edges:
        if random.random() < 0.5:
            source, target = edge["source"]["node"], edge["target"]
            later = [each for each in places if places[each] > places[source] and each != target["node"]]
            policy = _draw(random, limits, later)
            may_reject = kinds[source] in TELLING and workers[source] == 1 and edge["source"]["port"] == "out"
            if policy["overflow"] == "reject" and not may_reject:
                policy["overflow"] = "block"
            edge["policy"] = policy
    return {**document, "edges": edges}


def _draw(random: Random, limits: tuple[int, int], later: list[str]) -> dict[str, Any]:
    messages, size = limits
    policy: dict[str, Any] = {"priority": random.choice((0, 0, 0, 1, 200))}
    if random.random() < 0.7:
        policy["capacity"] = random.randint(1, min(4, messages))
    if random.random() < 0.3:
        policy["bytes"] = random.randint(1, size)
    if random.random() < 0.4:
        policy["expireMs"] = random.choice((1, 50, 700))
    policy["overflow"] = random.choice(("block", "reject", "drop-oldest", "drop-newest", "dead-letter"))
    if policy["overflow"] == "dead-letter" or ("expireMs" in policy and random.random() < 0.6):
        if later:
            policy["deadLetter"] = {"node": random.choice(later), "port": random.choice(("in", "other"))}
        elif policy["overflow"] == "dead-letter":
            policy["overflow"] = "block"
    return policy


def policed_targets(document: dict[str, Any]) -> frozenset[str]:
    """The nodes before which a policy may drop messages."""
    policed = [edge for edge in document["edges"] if "policy" in edge]
    return frozenset(
        edge["target"]["node"]
        for edge in policed
        if edge["policy"].get("overflow") not in FREE or "expireMs" in edge["policy"]
    )


def ways_of_letters(document: dict[str, Any]) -> list[tuple[str, str]]:
    """The nodes from which, and to which, dead letters go."""
    return [
        (edge["source"]["node"], edge["policy"]["deadLetter"]["node"])
        for edge in document["edges"]
        if "deadLetter" in edge.get("policy", {})
    ]
