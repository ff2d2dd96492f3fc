"""Every file that starts a thread stands in docs/decisions/0012 with its reason, and no other does."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
STARTS_A_THREAD = re.compile(r"to_thread\.run_sync|threading\.(Thread|Timer)\(")


def test_the_list_of_threads_is_complete() -> None:
    """The files that start threads are those of the decision record, no more and no fewer."""
    found = {
        str(path.relative_to(ROOT))
        for package in ("proto", "store", "workers", "wasm_host", "engine", "service")
        for path in (ROOT / package).rglob("*.py")
        if STARTS_A_THREAD.search(path.read_text(encoding="utf-8"))
    }
    record = (ROOT / "docs/decisions/0012-which-threads-there-are.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([^`]+\.py)` \|", record, re.MULTILINE)) == found
