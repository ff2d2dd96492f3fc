"""The lines that ``serve`` prints when it is ready."""

from pathlib import Path

from service.http.openapi.first_graph import shell_lines


def address_line(url: str) -> str:
    """Return what ``serve`` prints when it is ready, for programs and files: where."""
    return f"symbia-runtime serves {url}"


def greeting(url: str, data_folder: Path | None = None) -> str:
    """Return what ``serve`` prints when it is ready and somebody sits there: where, and what to do."""
    kept = f"Graphs are kept in {data_folder}" if data_folder else "Nothing is kept: DATA_DIR is not set"
    return (
        f"{address_line(url)}\n"
        f"{kept}\n\n"
        f"The console, for a browser: {url}/\n\n"
        f"A first graph, to paste into another terminal (it doubles 21, and the log shows 42):\n\n"
        f"{shell_lines(url)}\n"
        "Ctrl-C stops the service.\n"
    )
