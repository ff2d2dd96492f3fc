"""What held the event loop stands in the log."""

import signal

from tests.attacks.test_stop import held, wait_for
from tests.service.serving import log_lines


def test_what_held_the_loop_is_logged_with_its_stack() -> None:
    """A call into C is named by the function that made it, as soon as the loop turns again; and only once."""
    with held("briefly", environment={"LOG_STALL_MS": "300"}) as process:
        wait_for(process, "over")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    assert process.returncode == 0
    (line,) = [line for line in log_lines(log) if line["event"] == "event loop held" and line["seconds"] > 0.3]
    assert "held_service.py" in line["stack"][0]
    assert line["stack"][0].endswith("hold_briefly")
    assert line["level"] == "warning"


def test_it_can_be_turned_off() -> None:
    """LOG_STALL_MS=0 logs nothing."""
    with held("briefly", environment={"LOG_STALL_MS": "0"}) as process:
        wait_for(process, "over")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    assert "event loop held" not in log
