"""A Chromium that asks nobody for anything; where there is none, tests are skipped.

What a page shows comes by and by: tests look with `expect`, which waits until it is so, and at all
of it at once only when it is `settled`.
"""

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

PATIENCE_S = 60
"""How long something may take on a machine with much else to do."""
SETTLED = (
    "() => [...document.querySelectorAll('.bl-view')]"
    ".every(one => !one.parentElement?.batchlab?.pending)"
    " && document.getAnimations().every(one => one.playState !== 'running'"
    " || one.effect.getComputedTiming().endTime === Infinity)"
)
"""Whether no display is about to be drawn, and nothing moves on its way to its place or colour."""


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
            executable_path=CHROMIUM, headless=True, args=ARGUMENTS, timeout=PATIENCE_S * 1000
        )
        yield browser
        browser.close()


def expect(what: Any) -> Any:
    """Playwright's assertions about a page or a part of it, which wait until they hold."""
    from playwright.sync_api import expect as waiting

    waiting.set_options(timeout=PATIENCE_S * 1000)
    return waiting(what)


def settled(page: Any) -> None:
    """Wait until a page shows what it was last told to show."""
    page.wait_for_function(SETTLED, timeout=PATIENCE_S * 1000)


def picture_width(picture: Any) -> int:
    """The width of a picture in its own pixels, once it is loaded."""
    wide: int = picture.evaluate("async one => { await one.decode(); return one.naturalWidth }")
    return wide


def barriers(page: Any, context: str) -> list[str]:
    """What a machine that looks for barriers finds in a part of a page, once that is settled."""
    from axe_playwright_python.sync_playwright import Axe

    settled(page)
    found = Axe().run(page, context=context).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]
