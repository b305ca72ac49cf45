"""Which files a URL's path may mean."""

from __future__ import annotations

import pytest

from runner.assets.content_types import ContentTypes
from runner.assets.paths import candidates


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("", ["index.html"]),
        ("/", ["index.html"]),
        ("/a/", ["a/index.html"]),
        ("/a", ["a", "a.html", "a/index.html"]),
        ("/a/b.css", ["a/b.css", "a/b.css.html", "a/b.css/index.html"]),
        ("/%C3%BC%20%26.txt", ["ü &.txt", "ü &.txt.html", "ü &.txt/index.html"]),
        ("/100%25.txt", ["100%.txt", "100%.txt.html", "100%.txt/index.html"]),
        ("/.well-known/x", [".well-known/x", ".well-known/x.html", ".well-known/x/index.html"]),
    ],
)
def test_a_path_means_a_file_a_page_or_a_folders_index(path: str, names: list[str]) -> None:
    assert [candidate.name for candidate in candidates(path)] == names


def test_only_a_folder_without_its_slash_is_led_elsewhere() -> None:
    assert [candidate.redirects for candidate in candidates("/a")] == [False, False, True]
    assert [candidate.redirects for candidate in candidates("/a/")] == [False]


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/a/../../secret",
        "/a/..",
        "/%2e%2e/secret",
        "/%2E%2e%2fsecret",
        "/..%2fsecret",
        "/a%2f..%2fsecret",
        "/%252e%252e/secret",
        "/%25252e%25252e%25252fsecret",
        "/" + "%25" * 1 + "25" * 12 + "2e/secret",
        "/..\\secret",
        "/..%5csecret",
        "/a%00.txt",
        "/a%2500.txt",
        "/a%0a",
        "/%ff",
        "//etc/passwd",
        "/a//b",
        "/./a",
        "/.env",
        "/.git/config",
        "/a/.hidden/b",
        "/" + "a" * 1025,
    ],
)
def test_what_leads_elsewhere_or_is_hidden_means_nothing(path: str) -> None:
    assert candidates(path) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("a/b.CSS", "text/css; charset=utf-8"),
        ("app.js", "text/javascript; charset=utf-8"),
        ("data.json", "application/json; charset=utf-8"),
        ("logo.svg", "image/svg+xml; charset=utf-8"),
        ("photo.jpg", "image/jpeg"),
        ("photo.webp", "image/webp"),
        ("font.woff2", "font/woff2"),
        ("code.wasm", "application/wasm"),
        ("archive.tar.gz", "application/gzip"),
        ("README", "application/octet-stream"),
        ("html", "application/octet-stream"),
        ("a.html/b", "application/octet-stream"),
        ("a.nobody-knows", "application/octet-stream"),
    ],
)
def test_a_files_name_tells_its_type(name: str, kind: str) -> None:
    assert ContentTypes().of(name) == kind
