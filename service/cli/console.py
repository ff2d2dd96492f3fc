"""The place where people read what a command tells them, which may be full or gone at any moment."""

from rich.console import Console

from service.cli.streams import discard


class TellingConsole(Console):
    """A console that falls silent when its stream cannot be written any more.

    Rich would end the process there, and let standard output lead nowhere, whichever stream it was: the results
    of a run would be lost because nobody read its progress.

    Attributes:
        failure: why nothing can be written any more; None while it can.
    """

    failure: OSError | None = None

    def _check_buffer(self) -> None:
        try:
            super()._check_buffer()
        except OSError as error:
            self._fall_silent(error)

    def on_broken_pipe(self) -> None:
        """Fall silent; called where Rich has met a closed pipe."""
        self._fall_silent(BrokenPipeError())

    def _fall_silent(self, error: OSError) -> None:
        self.quiet = True
        self.failure = error
        self._buffer.clear()
        discard(self.file)
