"""Who gets the page of a served lab, and who gets what they got before there was one."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tornado.httpclient import HTTPClientError

import batchlab as bl
from batchlab.rest.callers import Ways
from batchlab.rest.guesses import WRONG
from batchlab.rest.messages import Response
from batchlab.rest.service import Service
from batchlab.widgets.served import Page
from helpers.watchers import HTML, TOKEN, channel, cookie_of, visit


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with bl.SimulatedLab(account="ada") as lab, lab.serve(page_token=TOKEN) as endpoint:
        yield endpoint.url


def front(
    host: str | None = None, *, behind_proxy: bool = False, scheme: str = "http", **named: str
) -> Response:
    """What a request gets that opens the page with the token, without a server."""
    with bl.SimulatedLab() as lab:
        ways = Ways(host, behind_proxy=behind_proxy)
        page = Page(Service(lab._connection, b"key"), lab._connection, ways, token=TOKEN)
        return page.refuse("GET", "/", f"token={TOKEN}", HTML | named, scheme=scheme)


def test_token_is_exchanged_for_a_cookie_that_opens_the_page(url: str) -> None:
    entered = visit(url, f"/?token={TOKEN}")
    assert entered.status == 303
    assert entered.headers["location"] == "./"
    assert entered.headers["cache-control"] == "no-store"
    cookie, *rules = entered.headers["set-cookie"].split("; ")
    assert set(rules) == {"Path=/", "HttpOnly", "SameSite=Strict"}
    assert TOKEN not in cookie
    page = visit(url, Cookie=f"other=1; {cookie}; more=2")
    assert page.status == 200
    assert 'src="page/page.js"' in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert not re.search(r"https?:|unsafe|\*", policy)
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(("path", "status", "words"), [
    ("/", 401, "the address that the server printed"),
    ("/?token=", 401, "the address that the server printed"),
    (f"/?token={TOKEN}x", 403, "This is not the token"),
    ("/?token=%ff%00%F0%9F%98%80", 403, "This is not the token"),
])  # fmt: skip
def test_stranger_is_told_what_to_do(url: str, path: str, status: int, words: str) -> None:
    answer = visit(url, path)
    assert answer.status == status
    assert words in answer.text
    assert "set-cookie" not in answer.headers
    assert "ada" not in answer.text


@pytest.mark.code("TooManyRequests")
def test_tokens_cannot_be_guessed_at_speed() -> None:
    with bl.SimulatedLab(account="ada") as lab, lab.serve(page_token=TOKEN) as endpoint:
        url, cookie = endpoint.url, cookie_of(endpoint.url)
        for _ in range(2 * WRONG):
            assert visit(url, f"/?token={TOKEN}").status == 303, "the right one never counts"
            assert visit(url, "/?token=mistyped").status == 403
        for number in range(WRONG - 1):
            assert visit(url, f"/?token=wrong{number}").status == 403
        for token in ("another", TOKEN):
            refused = visit(url, f"/?token={token}")
            assert refused.status == 429
            assert 0 < int(refused.headers["retry-after"]) <= 60
            assert "Wait a moment" in refused.text
            assert "set-cookie" not in refused.headers
        assert visit(url, Cookie=cookie).status == 200, "who watches already goes on"
        assert visit(url, f"/?token={TOKEN}", Cookie=cookie).status == 303
        script = visit(url, "/?token=x", Accept="application/json")
        assert script.status == 429
        assert script.headers["content-type"].startswith("application/json")
        said = json.loads(script.text)
        assert said["code"] == "TooManyRequests"
        assert said["message"]["value"].startswith("The client has sent too many requests.")
        assert said["values"][0]["value"].startswith("too many wrong tokens")
        with endpoint.client() as client:
            assert list(client.list_pools()) == [], "the service is another matter"


def test_proxy_says_who_guesses_only_if_it_is_trusted() -> None:
    def said(behind_proxy: bool, sent: str) -> str:
        return Ways(None, behind_proxy=behind_proxy).caller(
            "10.0.0.1", {"x-forwarded-for": sent} if sent else {}
        )

    assert said(False, "10.9.9.9") == "10.0.0.1"
    assert said(True, "") == "10.0.0.1"
    assert said(True, "made up, 10.9.9.9") == "10.9.9.9"


@pytest.mark.parametrize(
    "cookie", ["", "{name}=", "{name}=wrong", "{name}=\xff\xfe", "other={value}"]
)
def test_another_cookie_opens_nothing(url: str, cookie: str) -> None:
    name, value = cookie_of(url).split("=")
    given = cookie.format(name=name, value=value)
    for path, status in (("/", 401), ("/page/access", 401), ("/page/live", 401)):
        assert visit(url, path, Cookie=given).status == status
    assert visit(url, "/page/access", Cookie=cookie_of(url)).status == 204


@pytest.mark.parametrize(("path", "headers"), [
    ("/", {"Accept": "application/json"}),
    ("/", {"Accept": "*/*"}),
    ("/", {"Accept": "text/html", "Authorization": "SharedKey ada:x"}),
    ("/pools?api-version=2025-06-01", {"Accept": "text/html"}),
    ("/pools?api-version=2025-06-01", {"Authorization": "Bearer x"}),
    ("/page/live", {"Authorization": "Bearer x"}),
])  # fmt: skip
def test_clients_of_azure_are_answered_as_before(
    url: str, path: str, headers: dict[str, str]
) -> None:
    with bl.SimulatedLab(account="ada") as lab, lab.serve(page=False) as plain:
        assert plain.page_url is None
        before, now = visit(plain.url, path, **headers), visit(url, path, **headers)
    status, code = (
        (403, "AuthenticationFailed") if "Authorization" in headers
        else (400, "MissingRequiredHeader")
    )  # fmt: skip
    assert now.status == before.status == status
    assert now.headers["content-type"].startswith("application/json")
    assert json.loads(now.text)["code"] == json.loads(before.text)["code"] == code
    assert now.headers.keys() == before.headers.keys()


def test_script_is_sent_again_only_if_it_has_changed(url: str) -> None:
    for name in ("page.js", "again.js", "displays.js", "formula.js", "page.css", "icon.svg"):
        first = visit(url, f"/page/{name}")
        assert first.status == 200
        assert first.headers["x-content-type-options"] == "nosniff"
        mark = first.headers["etag"]
        assert visit(url, f"/page/{name}", If_None_Match=f'"x", {mark}').status == 304
        assert visit(url, f"/page/{name}", If_None_Match='"x"').text == first.text
    assert visit(url, "/page/../front.py").status == 404
    assert visit(url, "/page/page.js", method="POST").status == 405
    head = visit(url, "/page/page.js", method="HEAD")
    assert (head.text, head.headers["content-length"]) == ("", first_length(url))


def first_length(url: str) -> str:
    return visit(url, "/page/page.js").headers["content-length"]


def test_name_that_another_site_may_have_given_is_refused(url: str) -> None:
    refused = visit(url, f"/?token={TOKEN}", Host="evil.example")
    assert refused.status == 403
    assert "--behind-proxy" in refused.text
    assert "set-cookie" not in refused.headers
    assert visit(url, "/page/live", Host="evil.example", Cookie=cookie_of(url)).status == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://localhost:1"])
def test_channel_is_not_opened_for_another_site(url: str, origin: str) -> None:
    async def enter() -> None:
        async with channel(url, cookie_of(url), Origin=origin):
            pass

    with pytest.raises(HTTPClientError, match="403"):
        asyncio.run(enter())


def test_channel_needs_the_cookie_and_an_upgrade(url: str) -> None:
    async def enter() -> None:
        async with channel(url, "batchlab=x"):
            pass

    with pytest.raises(HTTPClientError, match="401"):
        asyncio.run(enter())
    assert visit(url, "/page/live", Cookie=cookie_of(url), Origin=url).status == 426


def test_cookie_fits_https_and_the_prefix_of_a_proxy() -> None:
    plain, secure = front(), front(scheme="https")
    assert "Secure" not in plain.headers["Set-Cookie"]
    assert secure.headers["Set-Cookie"].endswith("; Secure")
    forwarded = {"X-Forwarded-Prefix": "/user/ada; Domain=x/", "Host": "hub.example"}
    assert "Path=/user/adaDomainx/;" in front(behind_proxy=True, **forwarded).headers["Set-Cookie"]
    assert "Path=/;" in front(**forwarded).headers["Set-Cookie"], "anyone can send it"
    assert front("0.0.0.0", Host="hub.example").status == 403
    assert front("0.0.0.0", scheme="https", Host="hub.example").status == 303


@pytest.mark.parametrize("token", ["", "short", "x" * 201, "with spaces in the text", 7, "ü" * 20])
@pytest.mark.code("InvalidPropertyValue")
def test_token_that_could_be_guessed_is_refused(token: object) -> None:
    with bl.SimulatedLab() as lab, pytest.raises(bl.InvalidRequest, match="page_token") as refused:
        lab.serve(page_token=token)
    assert refused.value.code == "InvalidPropertyValue"
    assert not str(token) or str(token) not in refused.value.message.replace("page_token", "")


def test_token_is_neither_logged_nor_written_down(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with bl.SimulatedLab(journal=tmp_path / "lab.jsonl") as lab:
        with lab.serve(page_token=TOKEN) as endpoint:
            cookie = cookie_of(endpoint.url)
            visit(endpoint.url, f"/?token={TOKEN}&token=x")
            visit(endpoint.url, f"/pools?token={TOKEN}")
            visit(endpoint.url, f"/page/{TOKEN}")

            async def enter() -> None:
                async with channel(endpoint.url, cookie) as page:
                    await page.ask(what="why")
                    await page.say(b"\xff")
                    await page.next("refused")

            asyncio.run(enter())
            assert TOKEN in (endpoint.page_url or "")
            assert TOKEN not in repr(endpoint) + endpoint._repr_html_()
        lab.create_pool("p")
    written = (tmp_path / "lab.jsonl").read_text()
    out, err = capfd.readouterr()
    for secret in (TOKEN, cookie.partition("=")[2]):
        assert secret not in caplog.text + out + err + written
