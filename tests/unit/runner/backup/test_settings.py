"""What the variables of backups come to: under our names, the seed's and Amazon's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from runner.backup.bucket import BackupBucket
from runner.backup.places import PlaceSettings, place_settings
from runner.bindings import StorageBinding
from runner.config import load_settings
from runner.errors import ConfigError
from runner.settings_report import describe_settings

if TYPE_CHECKING:
    from runner.config import Settings

STORAGE = {
    "BACKUP_METHOD": "object_storage",
    "BACKUP_OBJECT_STORAGE_ACCESS_KEY": "AKID",
    "BACKUP_OBJECT_STORAGE_SECRET_KEY": "hidden",
    "BACKUP_OBJECT_STORAGE_BUCKET_NAME": "backups",
}


def settings(**variables: str) -> Settings:
    return load_settings(variables, Path("/nonexistent"))


async def headers_of(said: PlaceSettings) -> httpx.Headers:
    """Give the headers of a request to the place."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b"<ListBucketResult/>"))

    binding = StorageBinding(
        id="backup",
        bucket=said.bucket,
        region=said.region,
        access_key_id=said.access_key,
        secret_access_key=said.secret_key,
    )
    transport = httpx.MockTransport(answer)
    assert await BackupBucket(transport, binding, said.session_token).sizes() == {}
    return asked[0].headers


@pytest.mark.parametrize(
    ("first", "second", "field", "values"),
    [
        ("BACKUP_METHOD", "BACKUP_METHOD_SQLITE", "backup_method", ("LOCAL", "OBJECT_STORAGE")),
        ("BACKUP_CRON", "BACKUP_CRON_PATTERN_SQLITE", "backup_cron", ("@daily", "@hourly")),
        ("BACKUP_CRON_TZ", "BACKUP_CRON_TZ_SQLITE", "backup_timezone", ("Asia/Tokyo", "UTC")),
        ("S3_REGION", "AWS_REGION", "backup_region", ("eu-west-1", "eu-west-2")),
        ("S3_SESSION_TOKEN", "AWS_SESSION_TOKEN", "backup_session_token", ("one", "other")),
    ],
)
def test_of_two_names_the_first_wins_and_either_is_enough(
    first: str, second: str, field: str, values: tuple[str, str]
) -> None:
    one, other = values
    assert getattr(settings(**{first: one, second: other}), field) == one
    assert getattr(settings(**{first: one}), field) == one
    assert getattr(settings(**{second: other}), field) == other


async def test_amazons_region_and_token_are_those_of_requests() -> None:
    """Both are signed."""
    said = place_settings(
        settings(**STORAGE, AWS_REGION="eu-north-1", AWS_SESSION_TOKEN="lent-token")
    )
    headers = await headers_of(said)
    assert "/eu-north-1/s3/aws4_request" in headers["authorization"]
    assert headers["x-amz-security-token"] == "lent-token"
    assert "x-amz-security-token" in headers["authorization"]
    said = place_settings(settings(**STORAGE, S3_REGION="eu-south-1", S3_SESSION_TOKEN="t2"))
    headers = await headers_of(said)
    assert "/eu-south-1/s3/aws4_request" in headers["authorization"]
    assert headers["x-amz-security-token"] == "t2"


async def test_credentials_of_ones_own_come_with_no_token() -> None:
    assert "x-amz-security-token" not in await headers_of(place_settings(settings(**STORAGE)))


def test_object_storage_needs_credentials_and_a_bucket() -> None:
    """All that is missing is named at once."""
    with pytest.raises(ConfigError) as refused:
        place_settings(settings(BACKUP_METHOD="OBJECT_STORAGE"))
    for name in STORAGE.keys() - {"BACKUP_METHOD"}:
        assert name in str(refused.value)


def test_keys_are_shown_to_nobody() -> None:
    shown = describe_settings(
        STORAGE | {"AWS_SESSION_TOKEN": "hidden", "S3_SESSION_TOKEN": "hidden"},
        Path("/nonexistent"),
    )
    assert "hidden" not in str(shown)
    assert "AKID" not in str(shown)
    assert "hidden" not in repr(place_settings(settings(**STORAGE)))
