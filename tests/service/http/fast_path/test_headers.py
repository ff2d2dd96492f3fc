"""Headers are found by name as the rules of who may come in ask for them."""

from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers as FrameworkHeaders

from service.http.fast_path.headers import Headers

VALUES = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=20)
"""Of headers as they come off the wire: no line ends in them."""

NAMES = st.sampled_from([b"authorization", b"x-org-id", b"origin", b"host"])


@given(st.lists(st.tuples(NAMES, VALUES)), st.sampled_from(["Authorization", "X-Org-Id", "Host"]))
def test_it_says_what_the_frameworks_headers_say(items: list[tuple[bytes, str]], name: str) -> None:
    """The first value and all values are those of the web framework, in whatever case a name is asked for."""
    theirs = FrameworkHeaders([(key.decode(), value) for key, value in items])
    ours = Headers([(key, value.encode("latin-1")) for key, value in items])
    assert (ours.get(name), ours.getlist(name)) == (theirs.get(name), theirs.getlist(name))
    assert ours.first(name.lower().encode()).decode("latin-1") == theirs.get(name, "")
