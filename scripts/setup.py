"""Makes this checkout ready to run: an environment in `.venv`, its packages, and the QuickJS guest.

Run by `make` before every other verb; takes milliseconds when nothing has changed. It needs Python 3.11 or newer
and nothing else, so everything up to the version check must be readable by older Pythons, too.
"""

import sys

OLDEST = (3, 11)


def main() -> int:
    """Set up, and return the exit status: 0 when the checkout is ready, 1 with a message when it is not."""
    if sys.version_info < OLDEST:
        have, need = (".".join(map(str, version)) for version in (sys.version_info[:3], OLDEST))
        sys.stderr.write(
            f"This is Python {have} ({sys.executable}), and symbia-runtime needs {need} or newer.\n"
            f"Install it, or name it if you have it: make PYTHON=/path/to/python{need} setup\n"
        )
        return 1
    import installation  # noqa: PLC0415 -- its syntax would fail in an older Python before the message above

    return installation.main()


if __name__ == "__main__":
    sys.exit(main())
