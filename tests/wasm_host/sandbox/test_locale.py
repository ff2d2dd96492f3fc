"""Languages: there is no Intl, and a program that names one is told so."""

import pytest

from tests.wasm_host.sandboxes import opened, process, process_all, value_of

WARNING = "There is no Intl in the sandbox: {} ignores the language and the options that it is given"


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("(1234.5).toLocaleString('de-DE')", "toLocaleString"),
        ("(1234.5).toLocaleString(undefined, {style: 'currency'})", "toLocaleString"),
        ("10n.toLocaleString('de')", "toLocaleString"),
        ("new Date(0).toLocaleString('de')", "toLocaleString"),
        ("new Date(0).toLocaleDateString('de')", "toLocaleDateString"),
        ("new Date(0).toLocaleTimeString('de')", "toLocaleTimeString"),
        ("'a'.localeCompare('b', 'de')", "localeCompare"),
        ("'a'.localeCompare('b', undefined, {numeric: true})", "localeCompare"),
        ("'I'.toLocaleLowerCase('tr')", "toLocaleLowerCase"),
        ("'i'.toLocaleUpperCase('tr')", "toLocaleUpperCase"),
    ],
)
async def test_a_language_is_warned_of_once(call: str, name: str) -> None:
    """The first message that names one has a line in the log, and no other has."""
    body = f"{call}; {call}; (1).toLocaleString('fr')"
    first, second = await process(body, b"1", b"2")
    assert [(line.level, line.message) for line in first.logs] == [("warn", WARNING.format(name))]
    assert not second.logs


async def test_without_a_language_nothing_is_said() -> None:
    """The engine's own form is what was asked for."""
    body = "(1).toLocaleString(); 'a'.localeCompare('b'); 'a'.toLocaleUpperCase(); new Date(0).toLocaleString()"
    (effects,) = await process(body, b"1")
    assert not effects.logs


async def test_the_methods_are_what_they_were() -> None:
    """They answer as before, and look as the standard has them."""
    assert await value_of("[(1234.5).toLocaleString('de-DE'), 'b'.localeCompare('a', 'de')]") == b'["1234.5",1]'
    assert await value_of("['I'.toLocaleLowerCase('tr'), 'i'.toLocaleUpperCase()]") == b'["i","I"]'
    assert await value_of("typeof Intl") == b'"undefined"'
    look = """(() => {
        const found = Object.getOwnPropertyDescriptor(String.prototype, 'localeCompare');
        return [found.writable, found.enumerable, found.configurable, found.value.name, found.value.length,
            Number.prototype.toLocaleString.length, typeof found.value,
            String(found.value).includes('native code')];
    })()"""
    assert await value_of(look) == b'[true,false,true,"localeCompare",1,0,"function",true]'
    with_new = "(() => { try { new (''.localeCompare)(); } catch (error) { return error.name } })()"
    assert await value_of(with_new) == b'"TypeError"'
    assert await value_of(
        "(() => { try { Date.prototype.toLocaleString.call(1) } catch (e) { return e.name } })()"
    ) == (b'"TypeError"')


async def test_an_instance_is_warned_by_itself() -> None:
    """Each instance has a log of its own to find the warning in."""
    for _ in range(2):
        async with opened("return { process(c, p, v) { v.toLocaleString('de') } }") as sandbox:
            (effects,) = await process_all(sandbox, [(0, b"1")])
            assert len(effects.logs) == 1
