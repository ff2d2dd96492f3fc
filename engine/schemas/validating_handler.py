"""The handler that stands before another one and holds what goes in and out against the schemas of its ports."""

import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import trio

from engine.contracts.handler import Handler, HandlerError, Message, Outcome
from engine.contracts.standing_before import StandingBefore
from engine.schemas.port_schemas import PortSchema, PortSchemas
from engine.schemas.tasks import EXPLAIN, JUDGE, Complaint, Judgement
from proto import codec
from proto.half_pairs import may_hold_halves, mended
from workers.errors import PoolBusyError, WorkerError
from workers.pool import Pool

JUDGE_SECONDS = 5.0
"""Wall time of checking one value in a worker."""

EXPLAIN_SECONDS = 1.0
"""Wall time of finding out what does not fit. It is a courtesy: without it, the value does not fit either."""

TURN_SECONDS = 0.003
"""The time that the values of one batch keep the event loop, before the others have their turn."""


class ValidatingHandler(StandingBefore):
    """A handler that stands before another one, and lets through what fits the schemas.

    A message that does not fit is an error of its invocation, and the handler never sees it; an invocation one
    of whose emissions does not fit is an error as a whole.

    Args:
        inner: the handler.
        schemas: of its ports.
        inputs: names of its input ports.
        outputs: names of its output ports.
        workers: where values are checked that take long; without them, such are errors.
        owner: whose turn with the workers it takes.
        between_turns: awaited where a batch takes long.
    """

    def __init__(
        self,
        inner: Handler,
        schemas: PortSchemas,
        inputs: Sequence[str],
        outputs: Sequence[str],
        *,
        workers: Pool | None = None,
        owner: str = "",
        between_turns: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint,
    ) -> None:
        super().__init__(inner)
        self._inner = inner
        self._schemas = schemas
        self._inputs = inputs
        self._outputs = outputs
        self._workers = workers
        self._owner = owner
        self._between_turns = between_turns
        self._turn_began = 0.0
        # Of the batch under way: what of it does not fit, and what the handler has made, once that is known.
        self._refusals: Sequence[HandlerError | None] = ()
        self._made: Sequence[Outcome] | None = None
        self._concluded: Outcome | None = None  # while it is looked at

    async def initialize(self) -> Outcome:
        self._turn_began = time.perf_counter()
        return await self.vet(await self._inner.initialize())

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        self._turn_began = time.perf_counter()
        schemas = self._schemas.inputs
        refusals = [
            None
            if (schema := schemas[message.port]) is None or self._fits_at_once(schema, message.value)
            else await self._mismatch(schema, message.value, self._inputs[message.port])
            for message in batch
        ]
        admitted = [message for message, refusal in zip(batch, refusals, strict=True) if refusal is None]
        self._refusals = refusals
        made = self._made = await self._inner.process(admitted) if admitted else ()
        outcomes = iter(made)
        self._turn_began = time.perf_counter()
        vetted = []
        for refusal in refusals:
            outcome = next(outcomes, None) if refusal is None else Outcome(error=refusal)
            if outcome is None:  # the rest is to be handed over again
                break
            vetted.append(await self.vet(outcome) if refusal is None else outcome)
        self._refusals, self._made = (), None
        return vetted

    def made_so_far(self) -> Sequence[Outcome]:
        if self._concluded is not None:
            return (self._concluded,)
        made = iter(self._inner.made_so_far() if self._made is None else self._made)
        outcomes: list[Outcome] = []
        for refusal in self._refusals:
            outcome = next(made, None) if refusal is None else Outcome(error=refusal)
            if outcome is None:
                break
            outcomes.append(outcome)
        return outcomes

    async def cleanup(self) -> Outcome:
        return await self._inner.cleanup()

    async def conclude(self) -> Outcome:
        self._concluded = await self._inner.conclude()
        outcome = await self.vet(self._concluded)
        self._concluded = None
        return outcome

    async def vet(self, outcome: Outcome) -> Outcome:
        """Return the outcome, or the error of the first emission that does not fit."""
        if outcome.error is None:
            for port, value in outcome.emissions:
                schema = self._schemas.outputs[port]
                if schema is None or self._fits_at_once(schema, value):
                    continue
                error = await self._mismatch(schema, value, self._outputs[port])
                if error is not None:
                    return msgspec.structs.replace(outcome, emissions=(), lanes=(), error=error)
        return outcome

    def _fits_at_once(self, schema: PortSchema, text: bytes) -> bool:
        """Return True where a small value fits and the turn is not over: the way of most, without any await."""
        if len(text) > schema.quick_bytes or time.perf_counter() - self._turn_began > TURN_SECONDS:
            return False
        try:
            return schema.validator.is_valid(codec.decode(text))
        except (codec.MalformedJsonError, UnicodeEncodeError):  # the latter of half of a surrogate pair
            return False

    async def _mismatch(self, schema: PortSchema, text: bytes, port: str) -> HandlerError | None:
        """Return the error where a value does not fit a port's schema."""
        if not schema.is_for_here(text):
            return await self._mismatch_aside(schema, text, port)
        if time.perf_counter() - self._turn_began > TURN_SECONDS:
            await trio.lowlevel.checkpoint()
            await self._between_turns()
            self._turn_began = time.perf_counter()
        try:
            value = mended(codec.decode(text)) if may_hold_halves(text) else codec.decode(text)
        except codec.MalformedJsonError as error:  # such as 1e999, which other nodes let pass: nobody else's fault
            return _unreadable(port, str(error))
        if schema.validator.is_valid(value):
            return None
        return _misfit(port, schema.explain_here(text, value) or await self._complaint_aside(schema, text))

    async def _mismatch_aside(self, schema: PortSchema, text: bytes, port: str) -> HandlerError | None:
        if self._workers is None:
            return _costly(port, "it takes too long to be checked at once")
        try:
            answer = await self._workers.run(self._owner, JUDGE, schema.request(text), seconds=JUDGE_SECONDS)
        except PoolBusyError as error:
            return HandlerError("WorkersBusy", f"The value at port {port} was not checked: {error}")
        except WorkerError as error:
            return _costly(port, str(error))
        judgement = codec.decode_raw_values(answer, Judgement)
        if judgement.malformed:
            return _unreadable(port, judgement.malformed)
        return None if judgement.fits else _misfit(port, await self._complaint_aside(schema, text))

    async def _complaint_aside(self, schema: PortSchema, text: bytes) -> Complaint | None:
        """Let a worker explain what does not fit first; None where it could not in time."""
        if self._workers is None:
            return None
        try:
            answer = await self._workers.run(self._owner, EXPLAIN, schema.request(text), seconds=EXPLAIN_SECONDS)
        except WorkerError:
            return None
        return codec.decoded_by(_complaint, answer)


_complaint: "msgspec.json.Decoder[Complaint | None]" = msgspec.json.Decoder(Complaint | None)


def _misfit(port: str, complaint: Complaint | None) -> HandlerError:
    why = f": {complaint.text} {complaint.place}".rstrip() if complaint else "; to say where takes too long"
    return HandlerError("SchemaMismatch", f"The value at port {port} does not fit its schema{why}")


def _unreadable(port: str, why: str) -> HandlerError:
    return HandlerError("MalformedJson", f"The value at port {port} cannot be checked: {why}")


def _costly(port: str, why: str) -> HandlerError:
    return HandlerError("SchemaTooCostly", f"The value at port {port} was not checked against its schema: {why}")
