"""The platform's components: what their configuration may be, and the key that asks for our stricter ways.

The platform's runtime takes any configuration, and makes of each value what JavaScript makes of it. So do ours, by
their ids (docs/decisions/0163-the-platform-s-ids-behave-as-the-platform-s.md). Bounds hold nevertheless, and
``strict`` asks for what we think is better: exact numbers, dotted paths, and refusals in the place of guesses.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.builtin.parts.json_path import Document
from engine.builtin.parts.one_by_one import OneByOne
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.component import Builtin
from engine.contracts.handler import Message, Outcome
from proto.component import ConfigField
from proto.problem import Problem

STRICT_KEY = "strict"


def strict_field(effect: str) -> ConfigField:
    """Declare the key ``strict`` with what it does in one component."""
    return ConfigField(type="boolean", description=effect, default=False)


def is_strict(config: Mapping[str, Any]) -> bool:
    """Tell whether a configuration asks for our stricter ways."""
    return config.get(STRICT_KEY) not in (None, False)


class PlatformBuiltin(Builtin):
    """A component by the platform's id, which takes any configuration unless it asks to be ``strict``."""

    def is_lenient(self, config: Mapping[str, Any]) -> bool:
        return not is_strict(config)

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        return self.strict_problems(config) if is_strict(config) else self.bound_problems(config)

    def strict_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        """Return what a schema cannot say of a strict configuration, which holds to the declared keys."""
        return self.bound_problems(config)

    def bound_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        """Return what goes beyond our bounds; the configuration may be anything."""
        del config
        return ()


class Refusing(OneByOne):
    """A node whose configuration leads nowhere: each message is an error that says why.

    Args:
        message: why.
        name: the kind of the error.
    """

    def __init__(self, message: str, name: str = "TypeError") -> None:
        super().__init__()
        self._message = message
        self._name = name

    def take(self, _message: Message, _document: Document) -> Outcome:
        raise RefusedError(self._name, self._message)
