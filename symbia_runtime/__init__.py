"""The way in: finds the six packages of the runtime, wherever they lie, and starts the command line.

In a checkout the packages `service`, `engine`, `wasm_host`, `workers` and `proto` lie beside this one; in a wheel
they lie inside of it, so that an installation brings one name, `symbia_runtime`, and cannot overwrite another
distribution's (`proto-plus` brings a `proto`, too). A program that imports the engine from an installation says so
first:

    import symbia_runtime

    symbia_runtime.use_packages()
    from engine import open_runtime
"""

import sys
from pathlib import Path

__all__ = ["PACKAGES", "main", "packages_folder", "use_packages"]

PACKAGES = ("service", "engine", "wasm_host", "workers", "store", "proto")
"""Their names, as they import each other."""


def packages_folder() -> Path:
    """Return the folder that holds the six packages: this one in a wheel, the one above it in a checkout."""
    here = Path(__file__).resolve().parent
    return here if (here / "engine").is_dir() else here.parent


def use_packages() -> None:
    """Let this process import the six packages by their names, before any others that are called the same.

    Raises:
        ImportError: a package of the same name, of another distribution, has been imported already.
    """
    folder = packages_folder()
    for name in PACKAGES:
        file = getattr(sys.modules.get(name), "__file__", None)
        if name in sys.modules and (file is None or Path(file).resolve().parent != folder / name):
            raise ImportError(
                f"this process has imported another distribution's package {name!r} ({file}), so it cannot import "
                "the one of symbia-runtime; call symbia_runtime.use_packages() before, or use two processes"
            )
    if sys.path[:1] != [str(folder)]:
        sys.path.insert(0, str(folder))


def main() -> None:
    """Run the command ``symbia-runtime``."""
    use_packages()
    from service.cli.main import main as run_command  # noqa: PLC0415 - not to be found before

    run_command()
