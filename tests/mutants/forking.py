"""A program that runs tests in processes forked from itself, which has imported what takes long.


Each line of its standard input asks for one run: a JSON list of the file that takes the output, whether compiled
files are kept, and the arguments of pytest. It answers with the number of the process, and with its exit status.
It lies by itself, because it is started with the path of a copy of the project, and must know nothing of this one.
"""

import importlib
import json
import os
import sys


def main() -> None:
    """Run what is asked for until nobody asks."""
    for name in sys.argv[1:]:
        importlib.import_module(name)
    for line in sys.stdin:
        output, keeps_compiled, arguments = json.loads(line)
        process_id = os.fork()
        if not process_id:
            _run(output, arguments, keeps_compiled=keeps_compiled)
        print(process_id, flush=True)  # noqa: T201 - its answers
        _, status = os.waitpid(process_id, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - likewise


def _run(output: str, arguments: list[str], *, keeps_compiled: bool) -> None:
    os.setsid()  # so that it can be ended with all that it starts
    with open(output, "wb") as file:  # noqa: PTH123 - as little as possible is imported here
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if not keeps_compiled:  # what is compiled of a mutant must not be taken for the file itself
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    import pytest  # noqa: PLC0415 - by whoever runs tests

    status = pytest.main(arguments)
    sys.stdout.flush()
    os._exit(int(status))  # a thread that a test left behind must not hold this up


if __name__ == "__main__":
    main()
