"""The values of parameters: of the outermost graph, and of each graph that is used inside it. Pure.

The outermost graph is given its values when it is executed; a graph inside has those that its using node's
configuration gives, which may name the parameters around it. So values are filled in from the outside to the
inside, each by its own declarations, and what no use gives has its default.

A value that was made of a secret is one, and is treated so however often it is passed on: it may only stand where
a secret may, and no program sees it by the variable ``param``.

What the author of a graph writes may name secrets and variables of the environment. A graph that is used by its
name may be somebody else's, or may be used by somebody else: it names parameters only, and whoever uses it gives
it what it needs (docs/decisions/0187).
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.compile.parameters import NO_PARAMETERS, Parameters
from engine.compile.placeholders import Placeholder, UnfilledError
from engine.contracts.surroundings import Surroundings
from engine.documents.hints import Hints
from engine.documents.problem_report import listed, shown
from proto.codec import encode


class ParameterScope(msgspec.Struct, frozen=True):
    """The parameters of one use of a graph.

    Attributes:
        parameters: that the graph declares.
        given: what the using node's configuration gives; of the outermost graph nothing.
        outer: the scope that this configuration stands in, by index; the outermost graph has none.
        path: where it stands, for problems.
        declared: where the parameters are declared, likewise.
        is_ours: whether the graph may name secrets and variables of the environment.
    """

    parameters: Parameters = NO_PARAMETERS
    given: Mapping[str, Any] = {}
    outer: int = -1
    path: str = "parameters"
    declared: str = "parameters"
    is_ours: bool = True


class Known(msgspec.Struct, frozen=True):
    """The knowledge of the parameters of one use.

    Attributes:
        values: of those that have one.
        open: names of those that have none yet: the execution will give it.
        secret: names of those whose value was made of a secret.
        names: of all that there are.
        is_ours: as in the scope.
    """

    values: Mapping[str, Any] = {}
    open: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    is_ours: bool = True

    def is_secret(self, placeholder: Placeholder) -> bool:
        """Return whether what a placeholder stands for is, or was made of, a secret."""
        return placeholder.scope == "secret" or (
            placeholder.scope == "param" and placeholder.path[0] in self.secret
        )

    def visible(self) -> bytes:
        """Return what programs see as ``param``, JSON text: all but secrets."""
        return encode({name: value for name, value in self.values.items() if name not in self.secret})


class OpenError(UnfilledError):
    """A placeholder whose value is not known yet, and will be when the graph is executed."""


class NoSuchPartError(UnfilledError):
    """A placeholder whose path leads nowhere within the value of its parameter."""


class Finder:
    """A finder of the values that placeholders stand for, in one scope.

    Args:
        known: of the parameters there.
        surroundings: of the graph's owner.
    """

    def __init__(self, known: Known, surroundings: Surroundings) -> None:
        self._known = known
        self._surroundings = surroundings

    def __call__(self, placeholder: Placeholder) -> Any:
        """Return the value of a placeholder.

        Raises:
            OpenError: it has none yet.
            NoSuchPartError: its path leads nowhere.
            UnfilledError: there is nothing of its name.
        """
        if placeholder.scope == "param":
            return self._parameter(placeholder)
        if not self._surroundings.are_known:
            raise OpenError(placeholder, f"{placeholder} is known where the graph runs")
        named = self._surroundings.env if placeholder.scope == "env" else self._surroundings.secrets
        if placeholder.name not in named:
            raise UnfilledError(placeholder, f"{placeholder} has no value")
        return named[placeholder.name]

    def _parameter(self, placeholder: Placeholder) -> Any:
        first, *steps = placeholder.path
        if first in self._known.open:
            raise OpenError(placeholder, f"{placeholder}: parameter {first} has no value yet")
        if first not in self._known.values:
            raise UnfilledError(placeholder, f"{placeholder}: there is no parameter {shown(first)}")
        value = self._known.values[first]
        for step in steps:
            if isinstance(value, dict) and step in value:
                value = value[step]
            elif isinstance(value, list | tuple) and step.isdigit() and int(step[:9]) < len(value):
                value = value[int(step[:9])]
            else:
                has = f"; it has {listed(value)}" if isinstance(value, dict) and value else ""
                raise NoSuchPartError(placeholder, f"{placeholder}: the value has no {shown(step)}{has}")
        return value


def misnaming(
    placeholder: Placeholder, known: Known, surroundings: Surroundings, hints: Hints
) -> tuple[str, str] | None:
    """Return the code and the message of what is wrong with a placeholder's name; None where nothing is."""
    scope = placeholder.scope
    literal = f"$${{{scope}. is the text itself"
    if not placeholder.is_whole:
        return "placeholder.malformed", f"{placeholder} is not closed by a brace; {literal}"
    if not placeholder.is_well_formed:
        path = ", or a path such as rates.eur" if scope == "param" else ""
        return "placeholder.malformed", f"{placeholder}: behind {scope}. stands a name{path}; {literal}"
    if scope != "param" and not known.is_ours:
        message = (
            f"{placeholder}: a graph that others use by its name takes what it needs as a parameter, and whoever "
            "uses it gives it"
        )
        return "placeholder.not_here", message
    name = placeholder.path[0] if scope == "param" else placeholder.name
    names, none = _names(scope, known, surroundings)
    if names is None or name in names:
        return None
    close = hints.similar(name, names)
    hint = f"did you mean {scope}.{close}?" if close else (f"there are {listed(sorted(names))}" if names else none)
    return "placeholder.unknown", f"{placeholder}: there is no {scope}.{shown(name)}; {hint}"


def _names(scope: str, known: Known, surroundings: Surroundings) -> tuple[frozenset[str] | None, str]:
    """Return the names that there are, None where any may be; and what to say where there is none."""
    if scope == "param":
        return known.names, "the graph declares no parameters"
    if not surroundings.are_known:
        return None, ""
    if scope == "env":
        return frozenset(surroundings.env), "the operator allows no variables (GRAPH_ENV_NAMES)"
    return frozenset(surroundings.secrets), "the operator has given no secrets (SECRETS_FILE)"
