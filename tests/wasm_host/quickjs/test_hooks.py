"""The hooks in QuickJS's source: they are where they were, or the build says so.

What each is for shows in ``test_json_alike.py`` and ``fuzz.c``, whose programs fail where one is left out; that of
``JS_IsArray``, which only our own C asks, in the batch of ``test_values.py`` that is the value that came. For that
in ``resize_properties`` no failing program is known (docs/decisions/0164).
"""

import pytest

from wasm_host.errors import HostError
from wasm_host.quickjs.hooks import HOOKS, Hook, hooked

SOURCE = "".join(f"{hook.place}\n" for hook in HOOKS)


def test_each_place_gets_its_hook() -> None:
    """And nothing else changes."""
    source = hooked(SOURCE)
    assert all(hook.replacement in source for hook in HOOKS)
    assert source.count("\n") > SOURCE.count("\n")


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.name)
def test_a_place_that_is_gone_or_doubled_fails_the_build(hook: Hook) -> None:
    """An upgrade of QuickJS shows what it moved."""
    for source, times in ((SOURCE.replace(hook.place, ""), 0), (SOURCE + hook.place, 2)):
        with pytest.raises(HostError, match=f"in {hook.name} stands {times} times"):
            hooked(source)
