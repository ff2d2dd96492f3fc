"""Configurations with their placeholders filled in, and all that can be wrong with that. Pure.

A graph is filled twice: when it is loaded, as far as its values are known then, so that what is wrong is said
early; and when it is executed, with the values that the execution gives. What is filled in is kept by nobody but
the instances.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.compile.placeholders import (
    MOST_PLACEHOLDERS,
    Filler,
    Found,
    TooManyPlaceholdersError,
    find_placeholders,
    has_dollars,
)
from engine.compile.scopes import Finder, Known, NoSuchPartError, ParameterScope, misnaming
from engine.contracts.surroundings import Surroundings
from engine.cooperative.slices import Steps
from engine.documents.hints import Hints
from engine.documents.mask import mask_of
from engine.documents.problem_report import ProblemReport, shown
from engine.limits import EngineLimits
from proto.component import ComponentDefinition, ConfigField

MOST_PLACEHOLDERS_OF_GRAPH = 20_000
"""Placeholders of a graph with all that is inside it: some tenths of a second each time that it is executed."""

_MEANT: Mapping[str, Any] = {"number": int | float, "integer": int, "boolean": bool}


class FilledConfig(msgspec.Struct, frozen=True):
    """The configuration of a node, filled in.

    Attributes:
        config: without the keys in whose values something is missing.
        open: these keys.
    """

    config: Mapping[str, Any]
    open: frozenset[str] = frozenset()


class Filling:
    """The filling of one graph.

    Args:
        surroundings: of the graph's owner.
        limits: bounds of configurations, and of all of them together.
        report: takes the problems, and masks the secrets that the graph uses as soon as one is found.
        is_executed: whether the execution has given all that it will; until then what it may give is open.

    Attributes:
        secrets: names of the secrets that the graph uses.
    """

    def __init__(
        self, surroundings: Surroundings, limits: EngineLimits, report: ProblemReport, *, is_executed: bool
    ) -> None:
        self._surroundings = surroundings
        self._config_bytes = limits.config_bytes
        self._graph_bytes = self._left_bytes = limits.graph_bytes
        self._report = report
        self._is_executed = is_executed
        self._hints = Hints()
        self._left_placeholders = MOST_PLACEHOLDERS_OF_GRAPH
        self._has_too_many = False
        self.secrets: set[str] = set()
        self.env: set[str] = set()

    @property
    def used_bytes(self) -> int:
        """The bytes of all that was filled in so far."""
        return self._graph_bytes - self._left_bytes

    def parameters(self, scopes: Sequence[ParameterScope], given: Mapping[str, Any]) -> Steps[list[Known]]:
        """Return the values of all parameters, from the outside to the inside.

        Args:
            scopes: of the graph and of those inside it, each behind the one around it.
            given: what the execution gives; it is data, and no placeholders are looked for in it.
        """
        known: list[Known] = []
        for scope in scopes:
            if scope.outer < 0:
                known.append((yield from self._scope(scope, FilledConfig(given), set(), is_outermost=True)))
            else:
                outside = known[scope.outer]
                found = yield from self._found(scope.given, outside, scope.path)
                if found is None:
                    names = frozenset(scope.parameters.schemas)
                    known.append(Known(open=names, names=names, is_ours=scope.is_ours))
                    continue
                secret = {each.key for each in found if outside.is_secret(each.placeholder)}
                filled = yield from self._filled(scope.given, found, outside, scope.path)
                known.append((yield from self._scope(scope, filled, secret, is_outermost=False)))
            yield
        return known

    def _scope(
        self, scope: ParameterScope, given: FilledConfig, secret: set[str], *, is_outermost: bool
    ) -> Steps[Known]:
        """Return what is known of one use's parameters.

        Args:
            scope: the use.
            given: its values.
            secret: names of those that were made of secrets.
            is_outermost: whether the execution may give further ones.
        """
        defaults, found = yield from self._defaults(scope, given)
        filled_in = {each.key for each in found}  # the others have been held against their schemas
        own_secret = {each.key for each in found if each.placeholder.scope == "secret"}
        unknown = set(given.open | defaults.open)
        values = {**defaults.config, **given.config}
        made = {name: value for name, value in values.items() if name in given.config or name in filled_in}
        for problem in scope.parameters.problems(made, self._hints):
            name = problem.path
            if problem.code != "config.missing_key":
                self._report.note(problem.code, f"{scope.path}.{name}", problem.message)
            elif name not in unknown and (self._is_executed or not is_outermost):
                code = "parameter.missing" if is_outermost else problem.code
                self._report.note(code, f"{scope.path}.{name}", problem.message)
            unknown.add(name)
            yield
        return Known(
            values={
                name: values[name] for name in scope.parameters.schemas if name in values and name not in unknown
            },
            open=frozenset(unknown),
            secret=frozenset(secret | own_secret),
            names=frozenset(scope.parameters.schemas),
            is_ours=scope.is_ours,
        )

    def _defaults(self, scope: ParameterScope, given: FilledConfig) -> Steps[tuple[FilledConfig, Sequence[Found]]]:
        """Return the defaults of what is not given, filled in, and the placeholders that were in them."""
        wanted = {
            name: value
            for name, value in scope.parameters.defaults.items()
            if name not in given.config and name not in given.open
        }
        around = Known(is_ours=scope.is_ours)
        found = yield from self._found(wanted, around, scope.declared)
        if not found:
            return FilledConfig(wanted), ()
        return (yield from self._filled(wanted, found, around, scope.declared)), found

    def node(
        self, config: Mapping[str, Any], definition: ComponentDefinition, known: Known, path: str
    ) -> Steps[FilledConfig]:
        """Return the configuration of a node, filled in.

        Args:
            config: as its author wrote it.
            definition: of its component.
            known: of the parameters of the graph that it is written in.
            path: the configuration's place.
        """
        fields = definition.config
        code = frozenset(key for key, field in fields.items() if field.code)
        found = yield from self._found(config, known, path, code)
        if found is None:
            return FilledConfig(config)
        for each in found:
            if known.is_secret(each.placeholder) and not _takes_secrets(fields, each.key):
                message = (
                    f"{each.placeholder} is a secret, and {shown(each.key)} of {definition.id} takes none; it "
                    "takes one only in keys whose definition says secret: true"
                )
                self._report.note("placeholder.secret_not_taken", f"{path}.{each.path}", message)
        if not found and not (yield from has_dollars(config, code)):
            return FilledConfig(config)
        return (yield from self._filled(config, found, known, path, fields))

    def _found(
        self, config: Mapping[str, Any], known: Known, path: str, code: frozenset[str] = frozenset()
    ) -> Steps[Sequence[Found] | None]:
        """Return the placeholders of a configuration; note those that name what there is not.

        Where there are too many, which is noted, there is None: nothing more is filled in.
        """
        try:
            found = yield from find_placeholders(config, code)
            self._left_placeholders -= len(found)
        except TooManyPlaceholdersError:
            self._left_placeholders = -1
        if self._left_placeholders < 0:
            if not self._has_too_many:
                message = (
                    f"There are more than {MOST_PLACEHOLDERS:,} placeholders in one configuration, or more than "
                    f"{MOST_PLACEHOLDERS_OF_GRAPH:,} in all of the graph"
                )
                self._report.note("placeholder.too_many", path, message)
            self._has_too_many = True
            return None
        for each in found:
            wrong = misnaming(each.placeholder, known, self._surroundings, self._hints)
            if wrong is not None:
                self._report.note(wrong[0], f"{path}.{each.path}", wrong[1])
            elif each.placeholder.scope == "env":
                self.env.add(each.placeholder.name)
            elif each.placeholder.scope == "secret" and each.placeholder.name not in self.secrets:
                self.secrets.add(each.placeholder.name)
                self._report.mask = mask_of(self._surroundings.secrets, self.secrets)
        return found

    def _filled(
        self,
        config: Mapping[str, Any],
        found: Sequence[Found],
        known: Known,
        path: str,
        fields: Mapping[str, ConfigField] = {},
    ) -> Steps[FilledConfig]:
        filler = Filler(Finder(known, self._surroundings), min(self._config_bytes, self._left_bytes))
        code = frozenset(key for key, field in fields.items() if field.code)
        filled = yield from filler.fill(config, code)
        for place, error in filler.unfilled:
            if isinstance(error, NoSuchPartError):  # names that there are not have been noted
                inner = Found(place, error.placeholder).path
                self._report.note("placeholder.no_value", f"{path}.{inner}", str(error))
        self._left_bytes -= filler.used_bytes
        if filler.is_overfull:
            message = (
                f"What is filled in has more than {self._config_bytes} bytes in one configuration, or more than "
                f"{self._graph_bytes} in all of the graph"
            )
            self._report.note("placeholder.too_large", path, message)
        for each in found:
            if (
                each.placeholder.scope != "param"
                and each.key in fields
                and config[each.key] == str(each.placeholder)
            ):
                filled[each.key] = _as_declared(filled[each.key], fields[each.key])
        missing = frozenset(str(place[0]) for place, _ in filler.unfilled)
        return FilledConfig({key: value for key, value in filled.items() if key not in missing}, missing)


def _takes_secrets(fields: Mapping[str, ConfigField], key: str) -> bool:
    field = fields.get(key)
    return field is not None and field.secret


def _as_declared(value: Any, field: ConfigField) -> Any:
    """Return a variable or a secret as its key declares it: they are texts, and a number may be meant."""
    kind = _MEANT.get(field.type)
    if kind is None or not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value, type=kind)
    except msgspec.DecodeError:
        return value
