"""``symbia.routine.check``: lets a message go one of two ways, by an expression or by a comparison.

Both run in the sandbox: the expression because it is untrusted, the comparison because it compares as
JavaScript does; but what text is a number is the same for all components (``engine.builtin.parts.numbers``).
A message is taken apart into ``value`` and ``variables`` as ``routine_message`` does.
"""

from engine.builtin.core_expressions import ExpressionComponent
from engine.builtin.declare import port
from engine.builtin.parts.numbers import NUMBER_IN_TEXT
from engine.builtin.parts.routine_step import LLM, MODEL_MISSING, declare_step
from proto.component import ConfigField

OPERATORS = ("eq", "neq", "gt", "lt", "contains", "exists")

_BEFORE = "((value, variables) => ("
_AFTER = """
))(...((message, defaults) => {
    const isObject = (thing) => typeof thing === 'object' && thing !== null && !Array.isArray(thing);
    const isWrapped = isObject(message) && Object.keys(message).length === 2 && Object.hasOwn(message, 'value')
        && Object.hasOwn(message, 'variables') && isObject(message.variables);
    const [inner, variables] = isWrapped ? [message.value, message.variables] : [message, {}];
    return [inner, { ...defaults, ...variables }];
})(value, config._variables))"""

_COMPARISON = rf"""(() => {{
    const {{ field, op, value: expected }} = config;
    if (field === undefined && op === undefined && expected === undefined) {{
        const text = 'A check step without condition, field, op or value needs a language model, and this runtime'
            + ' has none; give its params a condition';
        throw Object.assign(new Error(text), {{ name: '{MODEL_MISSING}' }});
    }}
    const inside = (thing, name) =>
        typeof thing === 'object' && thing !== null && Object.hasOwn(thing, name) ? thing[name] : undefined;
    const actual = field ? field.split('.').reduce(inside, value) : value;
    const isNumber = /^{NUMBER_IN_TEXT}$/;
    const number = (thing) =>
        typeof thing === 'number' || typeof thing === 'string' && isNumber.test(thing) ? Number(thing) : NaN;
    switch (op ?? (expected === undefined ? 'exists' : 'eq')) {{
        case 'eq': return actual === expected;
        case 'neq': return actual !== expected;
        case 'gt': return number(actual) > number(expected);
        case 'lt': return number(actual) < number(expected);
        case 'contains': return Array.isArray(actual) ? actual.includes(expected)
            : String(actual ?? '').includes(String(expected));
        default: return actual !== undefined && actual !== null;
    }}
}})()"""

CHECK = ExpressionComponent(
    declare_step(
        "check",
        "Sends every message one of two ways; a routine goes on by `true`.",
        outputs=(
            port("true", "Messages for which the condition is truthy, unchanged."),
            port("false", "All others, unchanged."),
        ),
        config={
            "condition": ConfigField(
                type="string",
                description="JavaScript; it sees `value`, `variables`, `port` and `config`.",
                code=True,
            ),
            "field": ConfigField(
                type="string", description="A dotted path to what is compared; the whole value when absent."
            ),
            "op": ConfigField(
                type="string",
                description="How it is compared; `eq` when absent, or `exists` where there is no `value`.",
                enum=OPERATORS,
            ),
            "value": ConfigField(type="any", description="What it is compared with."),
            "llm": LLM,
        },
    ),
    mode="test",
    keys=("condition",),
    before=_BEFORE,
    after=_AFTER,
    otherwise=_COMPARISON,
)
