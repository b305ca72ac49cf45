"""docs/settings.md has every setting, and says its default."""

import re
from pathlib import Path

import pytest

from runner.settings_report import describe_settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text("utf-8")
ROW = re.compile(r"^\|( `[A-Z][^|]*)\|([^|]*)\|", re.MULTILINE)
SETTINGS = {setting.variable: setting.value for setting in describe_settings({}, ROOT / "nowhere")}
IN_WORDS = {
    "DATABASE_URL",  # needed
    "NATS_SERVERS",
    "WORKER_POOL_SIZE",  # of the machine, or of other settings
    "ISOLATE_HOSTS",
    "MAX_QUEUED_WORKERS",
    "MAX_CONCURRENT_PER_TENANT",
}


def rows() -> dict[str, str]:
    """Give the default of each variable as the page writes it."""
    found: dict[str, str] = {}
    for names, defaults in ROW.findall(PAGE):
        variables = re.findall(r"`(\w+)`", names)
        texts = [text.strip(" `") for text in defaults.split(",")]
        texts += [""] * (len(variables) - len(texts))
        found |= dict(zip(variables, texts, strict=True))
    return found


def written(text: str) -> str:
    """Give a number as the settings have it."""
    number, _, unit = text.partition(" ")
    return f"{int(number) << 20}" if unit == "MiB" else text


def test_each_setting_is_on_the_page_and_nothing_else() -> None:
    """An operator finds whatever can be set in one place, and nothing that can not be set."""
    assert sorted(rows()) == sorted(SETTINGS)


@pytest.mark.parametrize("variable", sorted(SETTINGS.keys() - IN_WORDS))
def test_the_page_says_the_default(variable: str) -> None:
    """What is not set is what the page says it is."""
    assert written(rows()[variable]) == SETTINGS[variable]
