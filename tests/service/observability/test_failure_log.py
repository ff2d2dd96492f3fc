"""What the log says of an execution that failed: enough to mend it, and in one line."""

import httpx

from tests.service.serving import SQUARE, log_lines, single, start_process

STRICT = {
    **SQUARE,
    "id": "custom.strict",
    "execution": {
        "type": "javascript",
        "source": "return { process: (ctx, port, value) => {\n  throw new RangeError(`no ${value.n}`)\n} }",
    },
}


def test_a_failed_execution_is_logged_with_its_value_and_its_stack() -> None:
    """One line has the node, the message, the value that the handler failed on, and the author's stack."""
    with start_process({"LOG_FORMAT": "json"}) as process:
        _fail(process.url, {"n": 7})
        _, log = process.end()
    (line,) = [line for line in log_lines(log) if line["event"] == "execution failed"]
    assert (line["level"], line["node"]) == ("error", "only")
    assert line["error"] == "Node only failed: RangeError: no 7"
    assert line["value"] == '{"n":7}'
    assert "custom.strict.js:2:" in line["stack_trace"]


def test_a_long_value_is_cut_in_the_log() -> None:
    """Two thousand bytes are enough to know it by; the line says how many there were."""
    with start_process({"LOG_FORMAT": "json"}) as process:
        _fail(process.url, {"n": "x" * 5_000})
        _, log = process.end()
    (line,) = [line for line in log_lines(log) if line["event"] == "execution failed"]
    assert line["value"].startswith('{"n":"xxx')
    assert line["value"].endswith("x… (cut: 5008 bytes in all)")
    assert len(line["value"]) < 2_100


def test_a_log_for_people_has_it_all_in_one_line() -> None:
    """What the author's stack says can neither begin a line of its own nor steer the terminal."""
    with start_process({"LOG_FORMAT": "console"}) as process:
        _fail(process.url, {"n": "\x1b[31m\n2026 [info] forged"})
        _, log = process.end()
    (line,) = [line for line in log.splitlines() if "execution failed" in line]
    assert "custom.strict.js:2:" in line
    assert [line for line in log.splitlines() if line.startswith("2026 [info] forged")] == []
    assert "\x1b[31m" not in log


def _fail(url: str, value: object) -> None:
    with httpx.Client(base_url=url) as client:
        client.post("/api/components", json=STRICT)
        graph = client.post("/api/graphs", json=single(STRICT["id"])).json()["id"]
        execution_id = client.post(f"/api/graphs/{graph}/execute").json()["executionId"]
        path = f"/api/executions/{execution_id}"
        client.post(f"{path}/inject?wait=10000", json={"nodeId": "only", "port": "in", "value": value})
        error = client.get(path).json()["error"]
        assert error["value"].startswith('{"n":')
