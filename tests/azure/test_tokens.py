"""TokenIssuer: good for one service, until they end, and only where they were issued."""

from __future__ import annotations

import base64

import msgspec
import pytest

from batchlab.azure.names import CLIENT, TENANT
from batchlab.azure.tokens import BATCH, LIFE_S, MANAGEMENT, TokenIssuer


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def part(token: str, number: int) -> bytes:
    text = token.split(".")[number]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_token_is_good_for_its_service_until_it_ends() -> None:
    clock = Clock()
    tokens = TokenIssuer(clock)
    token, until = tokens.issue("https://batch.core.windows.net/")
    assert until == clock.now + LIFE_S
    assert tokens.is_good(token, BATCH)
    assert not tokens.is_good(token, MANAGEMENT)
    assert not TokenIssuer(clock).is_good(token, BATCH), "another lab has issued it"
    clock.now += LIFE_S
    assert not tokens.is_good(token, BATCH)


def test_token_says_what_clients_read_in_it() -> None:
    token, until = TokenIssuer(Clock()).issue("https://storage.azure.com")
    claims = msgspec.json.decode(part(token, 1))
    assert claims["aud"] == "https://storage.azure.com"
    assert claims["iss"] == f"https://sts.windows.net/{TENANT}/"
    assert (claims["tid"], claims["appid"], claims["exp"]) == (TENANT, CLIENT, until)


@pytest.mark.parametrize("spoil", [
    lambda token: "", lambda token: "..", lambda token: token + "x", lambda token: token[:-1],
    lambda token: token.rpartition(".")[0] + ".", lambda token: "\u00e9.\u00e9.\u00e9",
    lambda token: "x" + token,
])  # fmt: skip
def test_token_that_was_changed_is_not_good(spoil: object) -> None:
    tokens = TokenIssuer()
    token, _ = tokens.issue("https://batch.core.windows.net/")
    assert not tokens.is_good(spoil(token), BATCH)  # type: ignore[operator]
