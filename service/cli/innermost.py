"""Errors inside groups of errors, as nurseries raise them."""


def innermost(error: BaseException) -> BaseException:
    """Return the first error inside groups of errors; one that is in none is itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
