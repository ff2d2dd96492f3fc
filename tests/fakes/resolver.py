"""A resolver of names, with the addresses that a test gives them."""

import ipaddress
from collections.abc import Sequence

from service.addresses.ip import IPAddress


class FakeResolver:
    """Answers each question about a name with its next answer; the last one is repeated.

    Args:
        default: the addresses of names that have no answers of their own.
        answers: by name, such as ``{"a.example": (["10.0.0.1"], ["8.8.8.8"])}``.
    """

    def __init__(self, *default: str, answers: dict[str, Sequence[Sequence[str]]] | None = None) -> None:
        self._default = default
        self._answers = {name: list(each) for name, each in (answers or {}).items()}
        self.asked: list[str] = []

    async def __call__(self, name: str, port: int) -> list[IPAddress]:
        del port
        self.asked.append(name)
        waiting = self._answers.get(name)
        answer = self._default if waiting is None else waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if not answer:
            raise OSError("the name is not known")
        return [ipaddress.ip_address(text) for text in answer]
