"""The mutants of a file: each is one small change of what it does, at one place. Pure.

Never changed are docstrings and other texts, annotations, declarations of protocols, ``assert``, and numbers that
name a bound: another bound is another decision, and no broken promise.
"""

import ast
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

_FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPPOSITE: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_SWAPPED_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_SIMPLE = (ast.Expr, ast.Assign, ast.AugAssign)


class Mutant(msgspec.Struct, frozen=True):
    """One change.

    Attributes:
        file: within the project.
        line: where it is, counted from 1.
        scope: the function that it is in, with its class.
        code: the line as it is.
        before: the statement or expression, in one line.
        after: what stands there instead.
        start: of the bytes that are replaced.
        end: of those.
    """

    file: str
    line: int
    scope: str
    code: str
    before: str
    after: str
    start: int
    end: int

    @property
    def key(self) -> tuple[str, ...]:
        """What it is, wherever in its function it stands."""
        return self.file, self.scope, self.code, self.before, self.after

    def applied_to(self, source: bytes) -> bytes:
        """The file with the change."""
        return source[: self.start] + self.after.encode() + source[self.end :]


def mutants_of(file: str, source: bytes) -> list[Mutant]:
    """All mutants of a file, in the order of their places."""
    finder = _Finder(file, source)
    finder.look_into(ast.parse(source))
    return finder.found


class _Finder:
    def __init__(self, file: str, source: bytes) -> None:
        self.found: list[Mutant] = []
        self._file = file
        self._starts = [0]
        self._lines = source.splitlines(keepends=True)
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._scope: list[str] = []
        self._in_function = 0

    def look_into(self, node: ast.AST) -> None:
        """Find the mutants of a node and of what is in it."""
        if isinstance(node, ast.ClassDef):
            if not any(ast.unparse(base).startswith("Protocol") for base in node.bases):
                self._look_into_scope(node, node.body, is_function=False)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._look_into_scope(node, [*node.args.defaults, *_given(node.args.kw_defaults), *node.body])
        elif isinstance(node, ast.Assert | ast.Import | ast.ImportFrom | ast.JoinedStr):
            return
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self.look_into(node.value)
        else:
            self._mutate(node)
            for child in ast.iter_child_nodes(node):
                self.look_into(child)
            for body in _bodies(node):
                self._swap(body)

    def _look_into_scope(
        self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, nodes: Sequence[ast.AST],
        *, is_function: bool = True,
    ) -> None:  # fmt: skip
        self._scope.append(node.name)
        self._in_function += is_function
        for child in nodes:
            if not _is_text(child):
                self.look_into(child)
        if is_function:
            self._swap(node.body)
        self._in_function -= is_function
        self._scope.pop()

    def _mutate(self, node: ast.AST) -> None:
        if self._in_function:
            for after in _changes(node):
                self._add(node, node, after)
            for condition in _conditions(node):
                self._add(condition, condition, f"(not {ast.unparse(condition)})")

    def _swap(self, body: Sequence[ast.stmt]) -> None:
        """Exchange two statements that stand one after the other."""
        for one, two in itertools.pairwise(body):
            if (
                self._in_function
                and isinstance(one, _SIMPLE)
                and isinstance(two, _SIMPLE)
                and _have_order(one, two)
            ):
                indent = "\n" + " " * one.col_offset
                self._add(one, two, f"{ast.unparse(two)}{indent}{ast.unparse(one)}")

    def _add(self, first: Any, last: Any, after: str) -> None:
        before = ast.unparse(first) if first is last else f"{ast.unparse(first)} <> {ast.unparse(last)}"
        start = self._starts[first.lineno - 1] + first.col_offset
        end = self._starts[last.end_lineno - 1] + last.end_col_offset
        scope, code = ".".join(self._scope), self._lines[first.lineno - 1].decode().strip()
        self.found.append(Mutant(self._file, first.lineno, scope, code, before, after, start, end))


def _changes(node: ast.AST) -> Iterator[str]:
    """What could stand in the place of a node."""
    match node:
        case ast.Compare(left=left, ops=[op], comparators=comparators) if type(op) in _FLIPPED:
            yield _text(ast.Compare(left, [_FLIPPED[type(op)]()], comparators))
        case ast.BoolOp(op=op, values=values):
            yield _text(ast.BoolOp(ast.And() if isinstance(op, ast.Or) else ast.Or(), values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield _text(operand)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield _text(ast.IfExp(test, orelse, body))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPPOSITE and not _is_written(left, right):
            yield _text(ast.BinOp(left, _OPPOSITE[type(op)](), right))
        case ast.Constant(value=bool() as value):
            yield str(not value)
        case ast.Constant(value=int() as value):
            yield str(value + 1)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in _SWAPPED_NAMES:
            yield _text(ast.Call(ast.Name(_SWAPPED_NAMES[name]), args, keywords))
        case ast.Call(func=func, args=args, keywords=keywords):
            for at in range(len(keywords)):
                yield _text(ast.Call(func, args, [*keywords[:at], *keywords[at + 1 :]]))
        case ast.Return(value=value) if value is not None and ast.unparse(value) != "None":
            yield "return None"
        case ast.Expr(value=value) if not isinstance(value, ast.Constant | ast.Yield):
            yield "pass"
        case ast.Raise() | ast.Break() | ast.Continue():
            yield "pass"
        case ast.Delete(targets=[ast.Attribute() | ast.Subscript()]):
            yield "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "pass"
        case ast.AugAssign(target=target, op=op, value=value):
            yield "pass"
            yield f"{ast.unparse(target)} = {ast.unparse(value)}"
            if type(op) in _OPPOSITE:
                yield ast.unparse(ast.AugAssign(target, _OPPOSITE[type(op)](), value))
        case _:
            return


def _conditions(node: ast.AST) -> Iterator[ast.expr]:
    """The conditions in a node that no other change turns round."""
    match node:
        case ast.If(test=test) | ast.While(test=test):
            found = [test]
        case ast.comprehension(ifs=ifs):
            found = ifs
        case _:
            return
    turned = ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant | ast.NamedExpr
    yield from (condition for condition in found if not isinstance(condition, turned))


def _text(node: ast.expr) -> str:
    return f"({ast.unparse(node)})"


def _given(defaults: Sequence[ast.expr | None]) -> list[ast.expr]:
    return [default for default in defaults if default is not None]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _have_order(one: ast.stmt, two: ast.stmt) -> bool:
    """Whether it may matter which of two statements comes first: one of them calls something."""
    return not _is_text(one) and any(isinstance(node, ast.Call) for each in (one, two) for node in ast.walk(each))


def _is_written(*operands: ast.expr) -> bool:
    """Whether it puts texts together."""
    return any(
        isinstance(each, ast.JoinedStr) or isinstance(getattr(each, "value", None), str) for each in operands
    )


def _bodies(node: ast.AST) -> Iterator[Sequence[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, None)
        if isinstance(body, list):
            yield body
