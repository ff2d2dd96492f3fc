"""The tasks that workers can be asked to do. Imported by their processes too, so it imports next to nothing."""

import msgspec

__all__ = ["Task"]


class Task(msgspec.Struct, frozen=True):
    """Something that workers can do.

    Attributes:
        function: ``package.module:function``, importable without the event loop; it takes bytes and returns bytes.
    """

    function: str
