"""Cases see the whole life of a component: its beginning, its end, time that passes, HTTP that is answered."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from trio.testing import MockClock

from engine.testing.run_cases import Options
from tests.engine.testing.playing import complaints_of, component

LIVELY = component("""
    return {
      initialize(ctx) { ctx.log('info', 'hello'); ctx.emit('out', 'first'); },
      process(ctx, port, value) { ctx.emit('out', value); },
      cleanup(ctx) { ctx.log('info', 'goodbye'); if (ctx.config.breaks) throw new Error('no end'); },
    };""")


async def test_the_beginning_and_the_end_are_seen(mock_clock: MockClock) -> None:
    """Emissions and lines of ``initialize`` and of ``cleanup`` stand with the others; so do their errors."""
    whole = {"send": [{"in": 1}], "expect": {"out": ["first", 1]}, "logs": ["hello", "goodbye"]}
    breaking = {"config": {"breaks": True}, "expect": {"out": ["first"]}}
    assert await complaints_of(mock_clock, {"component": LIVELY}, whole, breaking) == [
        (),
        ("unexpected error: Error: no end",),
    ]


async def test_the_last_word_is_said_where_the_case_asks_for_it(mock_clock: MockClock) -> None:
    """With ``flush`` the component is told of the end of its input; its errors there count."""
    last = component("""return {
        process(ctx, port, value) { ctx.setState('last', value); },
        flush(ctx) { ctx.emit('out', ctx.getState('last').toFixed(1)); ctx.log('info', 'done'); },
    };""")
    said = {"send": [{"in": 3}], "flush": True, "expect": {"out": ["3.0"]}, "logs": ["done"]}
    unsaid = {"send": [{"in": 3}], "logs": []}
    wrong = {"flush": True, "error": "TypeError"}
    assert await complaints_of(mock_clock, {"component": last}, said, unsaid, wrong) == [(), (), ()]


async def test_a_beginning_that_fails_fails_its_case_alone(mock_clock: MockClock) -> None:
    """An error of ``initialize`` is an error as others, which a case may expect; the next case is run."""
    broken = component("return { initialize(ctx) { throw new Error('not today'); }, process() {} };")
    assert await complaints_of(mock_clock, {"component": broken}, {}, {"error": "not today"}) == [
        ("unexpected error: Error: not today",),
        (),
    ]


async def test_errors_and_lines_are_expected_in_part(mock_clock: MockClock) -> None:
    """Errors are told by a part of their text or by fields, lines by their text, their level, or a pattern."""
    source = """return { process(ctx, port, value) {
        ctx.log(value > 1 ? 'warn' : 'info', `got ${value}`);
        if (value > 1) throw new RangeError(`too much: ${value}`);
    } };"""
    case = {
        "send": [{"in": 1}, {"in": 2}, {"in": 3}],
        "errors": ["too much: 2", {"name": "RangeError"}],
        "logs": ["got 1", {"level": "warn", "message": {"$matches": "2$"}}, {"$contains": "3"}],
    }
    missed = {"send": [{"in": 2}], "errors": ["a", "b"], "logs": [{"level": "info"}]}
    met, told = await complaints_of(mock_clock, {"component": component(source)}, case, missed)
    assert met == ()
    assert told == (
        'errors: expected ["a","b"], got ["RangeError: too much: 2"]',
        'logs[0]: expected {"level":"info"}, got {"level":"warn","message":"got 2"}',
    )


async def test_time_passes_when_the_case_says_so(mock_clock: MockClock) -> None:
    """What a delay holds leaves when it is due, not before; the clock of a component is the same one."""
    delay = {
        "config": {"ms": 5000},
        "send": [{"in": 1}, {"advance": "4999ms"}, {"expect": {}}, {"advance": "1ms"}],
    }
    assert await complaints_of(
        mock_clock,
        {"component": "symbia.core.delay"},
        {**delay, "expect": {"out": [1]}},
        {
            **delay,
            "send": [*delay["send"], {"expect": {"out": [1]}}, {"expect": {"out": [1]}}],
            "expect": {"out": [1]},
        },
        {"send": [{"advance": 5}]},
        {"send": [{"expect": {"uot": []}}]},
    ) == [
        (),
        ("send[5].expect: port out: expected [1], got []",),
        ("send[0].advance: a duration is a number and its unit, such as 250ms, 5s, 1.5m, 2h or 1d",),
        ("expect: There is no output port uot; there are out, error",),
    ]
    clock = component("return { process(ctx) { ctx.emit('out', new Date().toISOString()); } };")
    times = ["2026-01-01T00:00:00.000Z", "2026-01-01T01:30:00.000Z"]
    case = {"send": [{"in": 0}, {"advance": "1.5h"}, {"in": 0}], "expect": {"out": times}}
    assert await complaints_of(mock_clock, {"component": clock}, case, case) == [(), ()]


async def test_a_port_named_advance_is_a_port(mock_clock: MockClock) -> None:
    """Where a component has a port of that name, a step sends to it."""
    takes = component("return { process(ctx, port, value) { ctx.emit('out', value); } };", inputs=["advance"])
    case = {"send": [{"advance": "5s"}], "expect": {"out": ["5s"]}}
    assert await complaints_of(mock_clock, {"component": takes}, case) == [()]


async def test_requests_are_answered_by_the_case(mock_clock: MockClock) -> None:
    """HTTP goes to the stand-ins of the case, then of the file; what they do not answer is refused."""
    url = "https://prices.example/7"
    stand_in = {
        "request": f"GET {url}",
        "answers": [{"body": {"price": 3}}, {"status": 503}, {"error": "cut off"}],
    }
    body = {"$subset": {"status": 200, "data": {"price": 3}}}
    file: dict[str, Any] = {
        "component": "symbia.io.http-request",
        "http": [{"request": {"url": {"$matches": "/9$"}}}],
    }
    found = await complaints_of(
        mock_clock,
        file,
        {
            "config": {"url": "https://prices.example/{id}"},
            "send": [{"in": {"id": 7}}, {"in": {"id": 7}}, {"in": {"id": 7}}, {"in": {"id": 9}}],
            "http": [stand_in],
            "expect": {"out": [body, {"$subset": {"status": 503}}, {"$subset": {"status": 200}}]},
            "error": "cut off",
            "requests": [f"GET {url}", {"method": "GET", "url": url}, {"body": None}, {"$contains": "/9"}],
        },
        {"config": {"url": url}, "send": [{"in": 1}]},
        {"config": {"url": "https://prices.example/9"}, "http": [stand_in]},
        {
            "config": {"url": url, "method": "POST"},
            "send": [{"in": {"a": 1}}],
            "error": "no stand-in",
            "requests": [
                {"body": {"a": 1}, "headers": {"content-type": "application/json"}},
            ],
        },
    )
    assert found[0] == ()
    assert "no stand-in of the case answers GET https://prices.example/7" in found[1][0]
    assert found[2:] == [("http[0] was never requested: there were no requests",), ()]


class _Late(BaseHTTPRequestHandler):
    """A server that takes its time."""

    def do_GET(self) -> None:
        threading.Event().wait(0.05)
        self.send_response(200)
        self.send_header("content-length", "4")
        self.end_headers()
        self.wfile.write(b"true")

    def log_message(self, *_: object) -> None:
        pass


async def test_the_network_is_waited_for_where_it_is_let_in(mock_clock: MockClock) -> None:
    """A request that goes out in earnest takes its time in earnest: its own deadline does not jump by."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Late) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        case = {"config": {"url": url}, "send": [{"in": 1}], "expect": {"out": [{"$subset": {"data": "true"}}]}}
        options = Options(network=httpx.AsyncHTTPTransport)
        try:
            found = await complaints_of(mock_clock, {"component": "symbia.io.http-request"}, case, options=options)
        finally:
            server.shutdown()
    assert found == [()]
