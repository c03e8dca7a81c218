"""What a notebook stores of a display: a picture and a card, which need no kernel and no trust.

A notebook that is not trusted, such as a fresh clone, loses style sheets, drawings and unknown
attributes, but keeps pictures within the page, styles of elements, and classes. A live display
finds its place by a class.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from markupsafe import Markup

from batchlab.html import image, tag

__all__ = ["MOST", "PNG", "bundle", "place_class", "still"]

MOST = 60_000
"""The most bytes that a display adds to a notebook."""
PNG = "image/png"
WIDTH = 720
"""Of a picture, in units of the page."""


def place_class(place: str) -> str:
    """The classes of the place of a live display, by which a page finds it."""
    return f"bl-still bl-at-{place}" if place else "bl-still"


def bundle(text: str, card: str, picture: Any = None, place: str = "") -> dict[str, str]:
    """Text, HTML and, where there is a picture, PNG: together at most `MOST` bytes.

    Parameters
    ----------
    text : str
        Its plain text.
    card : str
        Its card as HTML.
    picture : Picture, optional
        Its picture: a sheet, what it shows in words, and where its heading ends.
    place : str, optional
        The key of its live display.
    """
    if picture is None:
        return {"text/plain": text, "text/html": _html(card, "", place)}
    found = {}
    for scale, fallback, short in ((2, 2, False), (2, 1, False), (2, 1, True), (1, 1, True)):
        said = card.partition("<details")[0] + "</div>" if short and "<details" in card else card
        shown = ""
        if picture.body is not None:
            png = picture.sheet.png(picture.body, scale)
            shown = str(image(png, "png", picture.words, WIDTH))
        html = _html(said, shown, place)
        found = {
            "text/plain": text, "text/html": html,
            PNG: b64encode(picture.sheet.png(scale=fallback)).decode(),
        }  # fmt: skip
        if sum(map(len, found.values())) <= MOST:
            break
    return found


def _html(card: str, shown: str, place: str) -> str:
    """The card with the picture below its heading."""
    head, end, rest = card.partition("</h3>")
    inner = head + end + shown + rest if end else shown + card
    return still(inner, place)


def still(html: str, place: str) -> str:
    """HTML that a live display covers if it finds its place."""
    return str(tag("div", Markup(html), cls=place_class(place)))
