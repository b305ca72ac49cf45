"""Which file an import means."""

import pytest

from pools.v8.sources import Program

PROGRAM = Program(
    "key",
    "main.js",
    dict.fromkeys(
        ["main.js", "lib/a.js", "lib/index.js", "lib/deep/b.ts", "c.mts", "ü.js", "data.json"], "1"
    ),
    {},
)


@pytest.mark.parametrize(
    ("specifier", "referrer", "path"),
    [
        ("./lib/a.js", "main.js", "lib/a.js"),
        ("./a", "lib/index.js", "lib/a.js"),
        ("./lib", "main.js", "lib/index.js"),
        ("../main.js", "lib/a.js", "main.js"),
        ("./deep/b", "lib/a.js", "lib/deep/b.ts"),
        ("./deep/b.js", "lib/a.js", "lib/deep/b.ts"),
        ("./c.mjs", "main.js", "c.mts"),
        ("/lib/a.js", "lib/deep/b.ts", "lib/a.js"),
        ("file:///lib/a.js", "main.js", "lib/a.js"),
        ("./ü.js", "main.js", "ü.js"),
        ("./data.json", "main.js", "data.json"),
        ("../../../etc/passwd", "lib/a.js", None),
        ("react", "main.js", None),
        ("node:async_hooks", "lib/a.js", "node:async_hooks"),
        ("node:fs", "main.js", None),
        ("async_hooks", "main.js", None),
        ("https://a.test/x.js", "main.js", None),
        ("./nowhere.js", "main.js", None),
    ],
)
def test_resolve(specifier: str, referrer: str, path: str | None) -> None:
    """Relative and absolute paths within the deployment, with the endings that people leave out."""
    assert PROGRAM.resolve(specifier, referrer) == path


def test_json_becomes_a_module() -> None:
    """JSON is a subset of JavaScript's expressions."""
    assert PROGRAM.files["data.json"] == b"export default 1"


def test_built_in_modules_are_no_files() -> None:
    """They have text of their own, whatever files a deployment has."""
    program = Program("key", "main.js", {"main.js": "1", "node:async_hooks": "evil"}, {})
    assert b"import.meta.exports" in program.source("node:async_hooks")
    assert program.source("main.js") == b"1"
