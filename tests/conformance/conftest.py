"""Hosts with the real snapshot, one per pooling mode, shared by the tests of a module."""

from collections.abc import Iterator

import pytest

from pools.protocol import Mode
from tests.conformance.driver import HostUnderTest, LaneUnderTest, read_test_blob, running_host


@pytest.fixture(scope="session")
def blob(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The V8 startup snapshot, built once."""
    return read_test_blob(tmp_path_factory.mktemp("snapshot"))


@pytest.fixture(scope="module", params=list(Mode))
def mode(request: pytest.FixtureRequest) -> Mode:
    """Each pooling mode."""
    found: Mode = request.param
    return found


@pytest.fixture(scope="module")
def host(blob: bytes, mode: Mode) -> Iterator[HostUnderTest]:
    """A host with one lane."""
    with running_host(blob, mode) as host:
        yield host


@pytest.fixture
def lane(host: HostUnderTest) -> LaneUnderTest:
    """The host's lane."""
    return host.lane
