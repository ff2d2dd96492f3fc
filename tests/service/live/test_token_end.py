"""A token that ends while nobody can be asked about it."""

import time

import trio

from tests.service.live.plain_client import open_plain
from tests.service.service_with_identity import open_service_with_identity


async def test_no_connection_outlives_its_token_because_identity_is_away() -> None:
    """Connections stay while Identity is away, but not longer than their tokens were good for."""
    async with open_service_with_identity() as world:
        token = world.identity.add_user("carol", "org-a", exp=int(time.time()) + 2)
        async with open_plain(world.service.url, [("Authorization", f"Bearer {token}")]) as client:
            answer = await client.say("execution:pause", executionId="none")
            assert answer["code"] == "execution.not_found"
            world.identity.behaviour = "hangs up"
            with trio.fail_after(8):
                assert await client.closed() == (1008, "Authentication required")
