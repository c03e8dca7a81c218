"""What a browser loads: one document, scripts and style sheets, all from here.

They hold nothing of the lab, so they are the same for everyone. A browser keeps them, and asks
whether they have changed (``ETag``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple

from markupsafe import Markup

from batchlab import colours
from batchlab.html import join, tag
from batchlab.rest.messages import Response
from batchlab.widgets.scripts import FORMULA_SCRIPTS, module, style

__all__ = ["asset", "document", "sign_in", "version"]

PAGE_SCRIPTS = (
    "log", "kernel_gone", "questions", "feed", "snapshot", "format", "dom", "page_address",
    "page_link", "page_contents", "page_theme", "page",
)  # fmt: skip
"""Of the page around the displays."""
SHEETS = ("style", "tasks", "autoscale", "page")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Of every answer to a browser."""
_HTML = "text/html; charset=utf-8"
_SIGN_IN = Markup("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">{script}
<title>{title} · batchlab</title>
<link rel="icon" href="page/icon.svg"><link rel="stylesheet" href="page/page.css">
</head>
<body class="bl-sign-in"><main><h1>{title}</h1>{words}{form}</main></body>
</html>
""")
_AGAIN = Markup('<script type="module" src="page/again.js"></script>')
_FORM = Markup("""\
<form method="get" action="./"><label for="token">Token</label>
<input type="password" name="token" id="token" autocomplete="off" required>
<button>Watch</button></form>""")


class _File(NamedTuple):
    kind: str
    body: bytes
    mark: str


def _file(kind: str, text: str) -> _File:
    body = text.encode()
    return _File(kind, body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


@cache
def _assets() -> dict[str, _File]:
    script, sheet = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
    files = resources.files("batchlab.widgets") / "static"
    return {
        "page.js": _file(script, module(PAGE_SCRIPTS)),
        "displays.js": _file(script, module()),
        "formula.js": _file(script, module(FORMULA_SCRIPTS)),
        "again.js": _file(script, module(("page_again",))),
        "page.css": _file(sheet, colours.css(".bl-content") + style(*SHEETS)),
        "icon.svg": _file("image/svg+xml", (files / "page.svg").read_text("utf-8")),
    }


@cache
def version() -> str:
    """Differs between programs with different pages."""
    marks = "".join(file.mark for file in (*_assets().values(), _page()))
    return hashlib.sha256(marks.encode()).hexdigest()[:16]


@cache
def _page() -> _File:
    files = resources.files("batchlab.widgets") / "static"
    return _file(_HTML, (files / "page.html").read_text("utf-8"))


def asset(name: str, headers: Mapping[str, str]) -> Response:
    """A file that the document needs; names of headers in lower case."""
    file = _assets().get(name)
    if file is None:
        return Response(404, dict(HEADERS))
    return _sent(file, headers)


def document(headers: Mapping[str, str]) -> Response:
    """The page itself."""
    return _sent(_page(), headers)


def sign_in(
    status: int, title: str, *words: str, again: bool = False, ask: bool = True
) -> Response:
    """A page for those who may not watch: why, and what to do.

    Parameters
    ----------
    status : int
    title : str
    *words : str
        Paragraphs, as text.
    again : bool, default False
        Whether the browser may have the cookie all the same.
    ask : bool, default True
        Whether to ask for the token.
    """
    body = _SIGN_IN.format(
        script=_AGAIN if again else "",
        title=title, words=join(tag("p", one) for one in words), form=_FORM if ask else "",
    )  # fmt: skip
    headers = HEADERS | {"Content-Type": _HTML, "Cache-Control": "no-store"}
    return Response(status, headers, body.encode())


def _sent(file: _File, headers: Mapping[str, str]) -> Response:
    sent = HEADERS | {"Cache-Control": "no-cache", "ETag": file.mark}
    known = {one.strip().removeprefix("W/") for one in headers.get("if-none-match", "").split(",")}
    if file.mark in known:
        return Response(304, sent)
    return Response(200, sent | {"Content-Type": file.kind}, file.body)
