"""Ids, names and pages, as they come in paths, queries and bodies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.tasks_server.errors import Refused
from runner.tasks_server.parameters import (
    Listing,
    read_listing,
    read_owner,
    read_owner_name,
    read_queue_id,
)
from tests.unit.runner.tasks_server.asking import CALM, messages

NAME = (
    "String cannot start or end with a hyphen, contain consecutive hyphens, or begin with a number"
)


def refused(read: Any, value: object) -> Any:
    with pytest.raises(Refused) as caught:
        read(value)
    assert caught.value.status == 400
    return caught.value.message


def test_a_page_is_the_first_ten_by_creation() -> None:
    assert read_listing({}) == read_listing({"pretty": ""}) == Listing()
    assert Listing() == Listing(limit=10, offset=0, order="createdAt", sort="asc", state=None)


@pytest.mark.parametrize(
    ("query", "listing"),
    [
        ({"limit": "1", "offset": "0"}, Listing(limit=1)),
        ({"limit": "1000", "offset": "1000"}, Listing(limit=1000, offset=1000)),
        ({"order": "estimateEndAt", "sort": "desc"}, Listing(order="estimateEndAt", sort="desc")),
        ({"order": "estimateExecutionAt", "state": "success"}, Listing(order="estimateExecutionAt", state="SUCCESS")),
    ],
)  # fmt: skip
def test_a_query_asks_for_another_page(query: dict[str, str], listing: Listing) -> None:
    assert read_listing(query) == listing


@pytest.mark.parametrize(
    ("query", "path", "expected"),
    [
        ({"limit": "0"}, ("limit",), ["Number must be greater than or equal to 1"]),
        ({"limit": "1001"}, ("limit",), ["Number must be less than or equal to 1000"]),
        ({"limit": "10000"}, ("limit",), ["String must contain at most 4 character(s)", "Invalid"]),
        ({"limit": ""}, ("limit",), ["String must contain at least 1 character(s)", "Invalid"]),
        ({"limit": "x"}, ("limit",), ["Invalid"]),
        ({"limit": "١"}, ("limit",), ["Invalid"]),
        ({"offset": "-1"}, ("offset",), ["Invalid"]),
        ({"offset": "1001"}, ("offset",), ["Number must be less than or equal to 1000"]),
        ({"order": "id"}, ("order",), ["Invalid enum value. Expected 'createdAt' | 'estimateEndAt' | 'estimateExecutionAt', received 'id'"]),
        ({"sort": "ASC"}, ("sort",), ["Invalid enum value. Expected 'asc' | 'desc', received 'ASC'"]),
        ({"state": "done"}, ("state",), ["Invalid enum value. Expected 'RUNNING' | 'ERROR' | 'SUCCESS' | 'PAUSED' | 'REVOKED', received 'DONE'"]),
        ({"page": "1", "x": ""}, (), ["Unrecognized key(s) in object: 'page', 'x'"]),
    ],
)  # fmt: skip
def test_a_page_that_is_none_is_refused(
    query: dict[str, str], path: tuple[str, ...], expected: list[str]
) -> None:
    assert messages(refused(read_listing, query), *path) == expected


def test_an_id_is_24_characters_in_any_case() -> None:
    assert read_queue_id("0123456789abcdefghijklMN") == "0123456789ABCDEFGHIJKLMN"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A" * 23, ["String must contain exactly 24 character(s)", "Invalid queue id"]),
        ("A" * 25, ["String must contain exactly 24 character(s)", "Invalid queue id"]),
        ("A" * 23 + "-", ["Invalid queue id"]),
        ("ß" * 12, ["String must contain exactly 24 character(s)", "Invalid queue id"]),
        ("A" * 23 + "\n", ["Invalid queue id"]),
    ],
)
def test_an_id_that_is_none_is_refused(text: str, expected: list[str]) -> None:
    assert messages(refused(read_queue_id, text), "queueId") == expected


@pytest.mark.parametrize("name", ["abcde", "a" * 32, "my-service-2", "a-b-c"])
def test_an_owner_has_a_name_of_small_letters(name: str) -> None:
    assert read_owner(b'{"name":"%s"}' % name.encode()) == read_owner_name(name) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("abcd", ["String must contain at least 5 character(s)", NAME]),
        ("a" * 33, ["String must contain at most 32 character(s)", NAME]),
        ("-abcde", [NAME]),
        ("abcde-", [NAME]),
        ("ab--cde", [NAME]),
        ("1abcde", [NAME]),
        ("Abcde", [NAME]),
        ("abcdé", [NAME]),
        ("abcde\n", [NAME]),
    ],
)
def test_a_name_that_no_owner_can_have_is_refused(name: str, expected: list[str]) -> None:
    assert messages(refused(read_owner_name, name), "name") == expected


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        (b"{}", ("name",), ["Required"]),
        (b'{"name":1}', ("name",), ["Expected string, received number"]),
        (b'{"name":"abcde","x":1}', (), ["Unrecognized key(s) in object: 'x'"]),
        (b"[]", (), ["Expected object, received array"]),
    ],
)
def test_the_body_of_an_owner_has_a_name_alone(
    body: bytes, path: tuple[str, ...], expected: list[str]
) -> None:
    assert messages(refused(read_owner, body), *path) == expected


@CALM
@given(st.text(max_size=40))
def test_any_path_is_a_name_or_is_refused(text: str) -> None:
    for read in (read_owner_name, read_queue_id):
        try:
            assert read(text)
        except Refused as refused:
            assert refused.status == 400  # noqa: PT017
