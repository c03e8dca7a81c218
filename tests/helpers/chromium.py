"""A Chromium that asks nobody for anything; where there is none, tests are skipped."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
]  # fmt: skip


def needed() -> None:
    """Skip the test where there is no Chromium."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")


@contextlib.contextmanager
def launched() -> Iterator[Any]:
    """A browser of playwright's, closed at the end."""
    needed()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=ARGUMENTS
        )
        yield browser
        browser.close()


def barriers(page: Any, context: str) -> list[str]:
    """What a machine that looks for barriers finds in a part of a page."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=context).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]
