"""The graphs that are run while the service is killed, each ending in a tally whose outputs can be judged.

What goes in are objects ``{"c": client, "n": number}``, numbered by each client from 1. What comes out is each of
them once, with what the tally remembers: how many it has seen and the sum of their numbers. So a state that was
restored wrongly shows in the next output.
"""

from typing import Any

TALLY: dict[str, Any] = {
    "id": "crash.tally",
    "name": "Tally",
    "version": "1.0.0",
    "ports": {"inputs": [{"name": "in"}], "outputs": [{"name": "out"}]},
    "execution": {
        "type": "javascript",
        "source": """
return { process: async (ctx, port, value) => {
  for (const {c, n} of Array.isArray(value) ? value : [value]) {
    const count = (ctx.getState('count') ?? 0) + 1, sum = (ctx.getState('sum') ?? 0) + n;
    ctx.setState('count', count);
    ctx.setState('sum', sum);
    ctx.emit('out', {c, n, count, sum});
  }
} };
""",
    },
}
"""Counts and adds up in its state."""

FLAKY: dict[str, Any] = {
    **TALLY,
    "id": "crash.flaky",
    "name": "Flaky",
    "execution": {
        "type": "javascript",
        "source": """
const tried = new Set();
return { process: async (ctx, port, value) => {
  if (value.n % 7 === 0 && !tried.has(value.c + '/' + value.n)) {
    tried.add(value.c + '/' + value.n);
    ctx.setState('count', 1000000);
    throw new Error('not yet');
  }
  ctx.emit('out', value);
} };
""",
    },
}
"""Fails at each seventh message once, after it has written a state that must not be kept."""

PASS_ON: dict[str, Any] = {
    **TALLY,
    "id": "crash.pass",
    "name": "Pass on",
    "execution": {
        "type": "javascript",
        "source": "return { process: async (ctx, port, value) => { ctx.emit('out', value); } };",
    },
}
"""Hands on; several of these in a row run as one."""

COMPONENTS = (TALLY, FLAKY, PASS_ON)


def _graph(name: str, nodes: dict[str, Any], edges: tuple[str, ...], **fields: Any) -> dict[str, Any]:
    def end(text: str) -> dict[str, str]:
        node, _, port = text.strip().partition(":")
        return {"node": node, "port": port}

    return {
        "symbia": "1.0",
        "name": name,
        "nodes": [
            {"id": key, **({"component": node} if isinstance(node, str) else node)} for key, node in nodes.items()
        ],
        "edges": [{"source": end(text.split(">")[0]), "target": end(text.split(">")[1])} for text in edges],
        "metadata": {"role": "pipeline"},
        **fields,
    }


GRAPHS: dict[str, dict[str, Any]] = {
    "chain": _graph(
        "chain", {"a": "crash.pass", "b": "crash.pass", "t": "crash.tally"}, ("a:out > b:in", "b:out > t:in")
    ),
    "join": _graph(
        "join",
        {
            "a": "symbia.core.passthrough",
            "slow": {"component": "symbia.core.delay", "config": {"ms": 15}},
            "b": "crash.pass",
            "join": {
                "component": "symbia.core.join",
                "config": {"keyExpression": "value.c + '/' + value.n", "ms": 0},
            },
            "left": {"component": "symbia.core.map", "config": {"expression": "value.a"}},
            "t": "crash.tally",
        },
        (
            "a:out > slow:in",
            "a:out > b:in",
            "slow:out > join:a",
            "b:out > join:b",
            "join:out > left:in",
            "left:out > t:in",
        ),
    ),
    "gathered": _graph(
        "gathered",
        {"a": {"component": "symbia.core.accumulator", "config": {"count": 7}}, "t": "crash.tally"},
        ("a:out > t:in",),
    ),
    "late": _graph(
        "late",
        {"a": {"component": "symbia.core.delay", "config": {"ms": 40}}, "t": "crash.tally"},
        ("a:out > t:in",),
    ),
    "flaky": _graph(
        "flaky",
        {
            "a": "symbia.core.passthrough",
            "f": {"component": "crash.flaky", "onError": "retry", "retry": {"maxAttempts": 5, "backoffMs": 5}},
            "t": "crash.tally",
        },
        ("a:out > f:in", "f:out > t:in"),
    ),
}
"""By name; each has an input ``a:in`` and an output ``t:out``."""
