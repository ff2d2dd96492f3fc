"""Nodes that do all that a program can do to those around it, drawn at random."""

from typing import Any

import msgspec
from hypothesis import strategies as st

MAPS = (
    "value * 2",
    "({a: value, list: [value, value], deep: {x: [[value]]}})",
    "value.list[0]",
    "value.deep.x",
    "undefined",
    "NaN",
    "-0",
    "1 / value",
    "'text \\ud800 ' + value",
    "JSON.stringify(value)",
    "BigInt(1)",
    "(() => { throw {name: 'Odd', message: ['no', 'text']} })()",
    "JSON.rawJSON('12345678901234567890')",
    "({toJSON() { return value }})",
    "Array.from({length: 300}).reduce((inner) => [inner], value)",
    "(Object.prototype.count = (Object.prototype.count ?? 0) + 1, {}.count)",
    "Promise.resolve(value)",
    "new Promise(() => {})",
    "(Promise.reject(new Error('late')), value)",
    "(globalThis.seen = (globalThis.seen ?? 0) + 1)",
    "Symbol.for('shared').description",
)
TESTS = ("value", "value > 3", "typeof value === 'object'", "value.a.b.c", "true", "false")
BODIES = {
    "twice": "ctx.emit('out', value); ctx.emit('out', value);",
    "none": "",
    "many": "for (let i = 0; i < (value.length ?? 3); i++) ctx.emit('out', [i, value]);",
    "apart": "ctx.emit('side', value); ctx.emit('out', 'main'); ctx.emit('side', 'again');",
    "count": "const n = (ctx.getState('n') ?? 0) + 1; ctx.setState('n', n); ctx.setState('k' + n % 3, value);"
    " ctx.emit('out', n);",
    "talk": "ctx.log('info', 'got', value); console.warn('on', port); ctx.emit('out', value);"
    " ctx.log('debug', 'x');",
    "fail": "ctx.setState('tried', value); ctx.log('warn', 'failing');"
    " ctx.emit('out', 'lost'); ctx.emit('side', 1);"
    " if (JSON.stringify(value).length % 2) throw new TypeError('odd ' + JSON.stringify(value).length);",
    "error": "ctx.emit('error', {mine: value}); ctx.emit('out', value);",
    "late": "await null; queueMicrotask(() => ctx.emit('out', 'late'));"
    " ctx.emit('out', await Promise.all([value]));",
    "who": "ctx.emit('out', [ctx.nodeId, port, ctx.config, Object.keys(globalThis).length]);",
    "wrong": "ctx.emit('nowhere', value);",
    "caught": "try { ctx.emit('out', 1n) } catch (e) { ctx.emit('out', e.name) }",
}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abl"), inner, max_size=3),
    max_leaves=6,
)


class Piece(msgspec.Struct, frozen=True):
    """One node of a run: its component, its configuration, and the port that leads on."""

    component: str
    config: dict[str, Any]
    port: str
    on_error: str
    has_error_edge: bool

    @property
    def ports(self) -> tuple[str, ...]:
        """Its output ports but for that of errors."""
        ports = {"symbia.core.map": ("out",), "symbia.core.filter": ("out", "rejected")}
        ports |= {"symbia.core.split": ("true", "false")}
        if self.hands_on:
            return (self.port,)
        return ports.get(self.component, ("out", "side"))

    @property
    def hands_on(self) -> bool:
        """Whether it is built in, and hands on what comes."""
        return self.component in RELAYS


RELAYS = ("symbia.core.passthrough", "symbia.core.merge", "symbia.io.passthrough", "symbia.io.collect")


def drawn() -> st.SearchStrategy[Piece]:
    """Any of them."""
    on_error = st.sampled_from(("continue", "continue", "continue", "fail"))
    return st.one_of(
        st.builds(
            Piece,
            st.just("symbia.core.map"),
            st.sampled_from(MAPS).map(lambda text: {"expression": text}),
            st.just("out"),
            on_error,
            st.booleans(),
        ),
        st.builds(
            Piece,
            st.just("symbia.core.filter"),
            st.sampled_from(TESTS).map(lambda text: {"predicate": text}),
            st.sampled_from(("out", "rejected")),
            on_error,
            st.booleans(),
        ),
        st.builds(
            Piece,
            st.just("symbia.core.split"),
            st.sampled_from(TESTS).map(lambda text: {"condition": text}),
            st.sampled_from(("true", "false")),
            on_error,
            st.booleans(),
        ),
        st.builds(
            Piece,
            st.sampled_from([f"js.{name}{kind}" for name in BODIES for kind in ("", ".first")]),
            st.just({}),
            st.sampled_from(("out", "out", "side")),
            on_error,
            st.booleans(),
        ),
        st.builds(
            Piece,
            st.sampled_from(RELAYS),
            st.just({}),
            st.just("out"),
            on_error,
            st.booleans(),
        ),
        st.builds(
            Piece,
            st.just("symbia.core.passthrough"),
            st.just({}),
            st.just("output"),
            on_error,
            st.just(value=False),
        ),
    )
