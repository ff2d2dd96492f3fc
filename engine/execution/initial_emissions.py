"""Emissions of one instance's handlers in ``initialize``: they leave when the execution runs."""

from engine.contracts.handler import HandlerError, Outcome
from engine.memory.ledger import Account


class InitialEmissions:
    """Outcomes that wait for the beginning, charged until they have left.

    Args:
        account: the execution's; nothing is charged when absent.

    Attributes:
        outcomes: in the order of the handlers.
    """

    def __init__(self, account: Account | None) -> None:
        self._account = account
        self._charged_bytes = 0
        self.outcomes: list[Outcome] = []

    def add(self, outcome: Outcome) -> HandlerError | None:
        """Keep what a handler has emitted; return why not, where it ended in an error or there is no memory."""
        if outcome.error is not None:
            return outcome.error
        size = sum([len(value) for _, value in outcome.emissions])
        if self._account is not None:
            if not self._account.try_charge(size, "outcomes", is_under_way=True):
                return HandlerError("MemoryBoundError", str(self._account.refusal(size)))
            self._charged_bytes += size
        self.outcomes.append(outcome)
        return None

    def forget(self) -> None:
        """Let go of them, and of what is charged: they have left."""
        self.outcomes = []
        if self._account is not None:
            self._account.release(self._charged_bytes, "outcomes")
            self._charged_bytes = 0
