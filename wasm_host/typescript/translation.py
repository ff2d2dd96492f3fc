"""The way from an author's TypeScript to the JavaScript that the guest runs.

A handler has one of the forms that quickjs/program.c knows, and only a whole module or script is TypeScript by
itself: an expression and a function body are read inside a wrapper, which is taken off again. What comes out has
the same form, and its author's lines and columns (reposition.py).
"""

import hashlib
from collections import OrderedDict
from typing import NamedTuple

import trio

from wasm_host.compile.own_modules import ModuleCache
from wasm_host.errors import GuestError, LimitError, ProgramError
from wasm_host.guest.metering import GuestRuntime
from wasm_host.limits import GuestLimits
from wasm_host.typescript.location import culprit_of
from wasm_host.typescript.reposition import Printed, layout_steps
from wasm_host.typescript.steps import Steps, in_turns
from wasm_host.typescript.strip_types import TypeScriptError, TypeStripper
from wasm_host.typescript.tokens import end_steps, token_steps

_LAID_OUT_CHARACTERS = 128 * 1024
"""Longer programs run as they were printed: laying out takes Python 4 µs a character."""

_CACHED_CHARACTERS = 8 * 1024 * 1024
"""Characters of all translations that are kept; the one used longest ago goes first."""


class Translation(NamedTuple):
    """A program in JavaScript. ``is_in_place``: each token stands on the author's line."""

    javascript: str
    is_in_place: bool


class _Form(NamedTuple):
    """The wrapping of a program, and the number of its tokens that the transformer prints before and after."""

    head: str
    tail: str
    head_tokens: int
    tail_tokens: int


_FORMS = (
    _Form("[\n", "\n]", 1, 2),  # an expression: ``[``, and ``];``
    _Form("", "\n", 0, 0),  # a script or a module
    _Form("(function () {\n", "\n})", 5, 3),  # a function body: ``(function() {``, and ``});``
)
"""The forms, in the guest's order. What is read as one of the first two never has a ``return`` outside of a
function."""

_ONLY_A_MODULE_BY_ITS_TYPES = ("export", "{", "}", ";")
"""The text left of a module whose imports and exports were all types. For us it is a script then."""


class Translator:
    """A translator of programs, each of them once. One for a host."""

    def __init__(self, runtime: GuestRuntime, modules: ModuleCache) -> None:
        self._stripper = TypeStripper(runtime, modules)
        self._turns = runtime.turns
        self._one_at_a_time = trio.Lock()
        self._cache: OrderedDict[bytes, Translation] = OrderedDict()
        self._cached_characters = 0

    async def translate(self, source: str, limits: GuestLimits) -> Translation:
        """Return the program in JavaScript.

        Args:
            source: TypeScript, in any form of a handler
            limits: ``source_bytes`` and ``translate_ms`` count here

        Raises:
            ProgramError: it is not TypeScript; line and column say where.
            LimitError: it takes too much time or memory to be read.
            HostError: the transformer is missing.
        """
        try:
            data = source.encode()
        except UnicodeEncodeError:
            raise _refused("the source is not well-formed text: it holds half of a surrogate pair") from None
        if len(data) > limits.source_bytes:
            raise _refused(f"the source is longer than {limits.source_bytes:,} bytes")
        key = hashlib.sha256(data).digest()
        translation = self._cache.pop(key, None)
        if translation is None:
            translation = await self._translated(source, limits.translate_ms)
            self._cached_characters += len(translation.javascript)
        self._cache[key] = translation
        while self._cached_characters > _CACHED_CHARACTERS:
            _, forgotten = self._cache.popitem(last=False)
            self._cached_characters -= len(forgotten.javascript)
        return translation

    async def _translated(self, source: str, cpu_ms: int) -> Translation:
        for form in _FORMS:
            try:
                text, _ = await self._stripper.strip(form.head + source + form.tail, cpu_ms)
            except TypeScriptError:
                continue
            return await self._in_place(source, text, form, cpu_ms)
        raise await self._refusal(source, cpu_ms)

    async def _in_place(self, source: str, text: str, form: _Form, cpu_ms: int) -> Translation:
        async with self._one_at_a_time:  # its tokens take a hundred times the memory of a text
            printed = await in_turns(_printed_steps(text, form), self._turns)
            plain = await in_turns(printed.plain_steps(), self._turns)
            if len(source) > _LAID_OUT_CHARACTERS:
                return Translation(plain, is_in_place=False)
            laid_out = await in_turns(layout_steps(source, printed), self._turns)
        try:
            once_more, _ = await self._stripper.strip(form.head + laid_out + form.tail, cpu_ms)
            expected, _ = await self._stripper.strip(form.head + plain + form.tail, cpu_ms)
        except (TypeScriptError, LimitError):
            return Translation(plain, is_in_place=False)
        is_in_place = once_more == expected
        return Translation(laid_out if is_in_place else plain, is_in_place)

    async def _refusal(self, source: str, cpu_ms: int) -> ProgramError:
        """Return the error that lies furthest in the text: it belongs to the form that understood most of it."""
        verdict, furthest = "not TypeScript in any form of a handler", -1
        ends = await in_turns(end_steps(source), self._turns)
        share_ms = cpu_ms // len(_FORMS)
        for form in _FORMS:
            try:
                message, offset = await culprit_of(self._stripper, form.head, source, form.tail, ends, share_ms)
            except LimitError:
                continue  # it has no place then, and that is said by saying none
            if offset > furthest:
                verdict, furthest = message, offset
        if furthest < 0:
            return _refused(verdict)
        if furthest == len(source):
            verdict = "unexpected end of the source"
        line = source.count("\n", 0, furthest) + 1
        column = furthest - (source.rfind("\n", 0, furthest) + 1) + 1
        return ProgramError(GuestError("SyntaxError", verdict), line, column)


def _printed_steps(text: str, form: _Form) -> Steps[Printed]:
    all_tokens = yield from token_steps(text)
    printed = Printed(text, form.head_tokens, form.tail_tokens, all_tokens)
    tokens = [token.text for token in printed.tokens]
    is_script = (
        tokens[-4:] == [*_ONLY_A_MODULE_BY_ITS_TYPES] and tokens.count("export") == 1 and "import" not in tokens
    )
    return Printed(text, 0, 4, all_tokens) if is_script else printed


def _refused(message: str) -> ProgramError:
    return ProgramError(GuestError("SyntaxError", message))
