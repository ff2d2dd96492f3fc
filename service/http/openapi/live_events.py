"""The names of the live events, as the documentation and the service's description list them."""

CLIENT_EVENTS = (
    "execution:subscribe",
    "execution:unsubscribe",
    "execution:start",
    "execution:pause",
    "execution:resume",
    "execution:stop",
    "execution:inject",
)
SERVER_EVENTS = (
    "execution:state",
    "execution:started",
    "execution:paused",
    "execution:resumed",
    "execution:completed",
    "execution:failed",
    "port:emit",
    "component:invoked",
    "metrics:update",
)
"""The specification's events, and the platform's answer to a subscription."""
