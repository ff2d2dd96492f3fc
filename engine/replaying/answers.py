"""The stand-ins for nodes that ask somebody outside: they give the recorded answers, at their moments."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

import trio

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.handler import Handler, HandlerError, InstanceContext, Message, Outcome
from engine.journal.records import Answered
from engine.replaying.script import AnswerKey

UNKNOWN_REQUEST = HandlerError(
    "NoRecordedAnswer",
    "nobody was asked this when it was recorded, so there is no answer to it",
    is_permanent=True,
)


class Answers:
    """The answers of one recording, each given once for each time that it was given.

    Args:
        answers: what was answered, by what was asked.
        began: when the run began, on Trio's clock.
        complain: hears of what nobody had been asked.
    """

    def __init__(
        self, answers: Mapping[AnswerKey, Sequence[Answered]], began: float, complain: Callable[[str], None]
    ) -> None:
        self._left = {key: deque(given) for key, given in answers.items()}
        self._began = began
        self._complain = complain

    def stand_in(self, node: CompiledNode, context: InstanceContext) -> Handler | None:
        """Return the handler of a node that asks outside; None of any other node."""
        del context
        return AnsweringHandler(self, node) if node.reaches_outside else None

    async def answer(self, node: CompiledNode, message: Message) -> Outcome:
        """Return what came of a message, at the moment at which it came."""
        left = self._left.get((node.index, message.port, message.value))
        if not left:
            self._complain(f"node {node.id} asked something that it had not asked before")
            return Outcome(error=UNKNOWN_REQUEST)
        answered = left.popleft()
        await trio.sleep_until(self._began + answered.at)
        if answered.error is None:
            return Outcome(tuple(answered.emissions))
        name, text, details, is_permanent = answered.error
        return Outcome(error=HandlerError(name, text, details=details or None, is_permanent=is_permanent))


class AnsweringHandler(Handler):
    """A handler that gives recorded answers.

    Args:
        answers: those of all nodes.
        node: its own.
    """

    batch_messages = 1

    def __init__(self, answers: Answers, node: CompiledNode) -> None:
        self._answers = answers
        self._node = node

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return [await self._answers.answer(self._node, message) for message in batch]
