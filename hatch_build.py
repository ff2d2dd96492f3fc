"""Makes sure that the QuickJS guest is in the wheel: the one file of it that is compiled, not written.

The guest is WebAssembly, so the wheel serves every machine. Its compiler (`ziglang`) is a build requirement in
pyproject.toml; `wasm_host/quickjs/build.py` fetches the pinned C sources, checks them, and compiles.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

GUEST = Path("wasm_host", "quickjs", "guest.wasm")


class GuestHook(BuildHookInterface[Any]):
    """Builds the guest, and packages it although it is not under version control."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Prepare a wheel that hatchling is about to put together; `version` is `standard` or `editable`.

        A wheel for others must never carry a guest that is older than its sources, so the build is asked each
        time; it answers from its cache when nothing has changed. An editable install takes what is there.
        """
        if version != "editable" or not (Path(self.root) / GUEST).exists():
            subprocess.run([sys.executable, "-m", "wasm_host.quickjs.build"], cwd=self.root, check=True)
        build_data["artifacts"].append(GUEST.as_posix())
