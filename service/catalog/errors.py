"""The catalog's errors, named by what is to be done.

CatalogError
├── CatalogUnavailableError   it does not answer, or not sensibly: leave it alone for a while
│   └── CatalogBusyError      it takes no more writes in this minute: read on, and write later
└── CatalogRefusedError       it answers, and does not want this one request: go on with the next thing
    ├── ForeignResourceError  we do not want it: the resource is not ours to change
    └── UnusableAnswerError   we do not want its answer, which is too large, or encoded
"""


class CatalogError(Exception):
    """The parent of both; the message says why, without addresses and secrets."""


class CatalogUnavailableError(CatalogError):
    """Nobody can say at present what the catalog has."""


class CatalogBusyError(CatalogUnavailableError):
    """The catalog takes no more writes for now. ``asked_seconds`` is how long it asks to be spared them."""

    def __init__(self, asked_seconds: float) -> None:
        super().__init__("it takes no more writes for now (status 429)")
        self.asked_seconds = asked_seconds


class CatalogRefusedError(CatalogError):
    """The catalog refused one request. ``status`` is that of HTTP."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the catalog refuses it with status {status}{f': {reason}' if reason else ''}")
        self.status = status


class ForeignResourceError(CatalogRefusedError):
    """A key that is wanted is another's; nothing was sent."""

    def __init__(self) -> None:
        CatalogError.__init__(self, "the catalog has it of another organization, whose it stays")
        self.status = 0


class UnusableAnswerError(CatalogRefusedError):
    """An answer was not read to its end; the message says why. ``status`` is 0."""

    def __init__(self, reason: str) -> None:
        CatalogError.__init__(self, reason)
        self.status = 0
