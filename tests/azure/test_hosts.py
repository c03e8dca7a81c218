"""Azure's names lead here, and nothing else passes."""

from __future__ import annotations

import pytest

from batchlab.azure.names import Account, service_of
from helpers.azure import Box, read


@pytest.mark.parametrize(("host", "service"), [
    ("management.azure.com", "management"), ("MANAGEMENT.azure.com.", "management"),
    ("login.microsoftonline.com", "login"), ("a.westeurope.batch.azure.com", "batch"),
    ("a.blob.core.windows.net", "blob"), ("a.queue.core.windows.net", "queue"),
    ("batch.azure.com", ""), ("core.windows.net", ""), ("evilbatch.azure.com", ""),
    ("management.azure.com.evil.net", ""), ("xmanagement.azure.com", ""), ("", ""),
    ("a.blob.core.windows.net.evil.net", ""), ("graph.microsoft.com", ""), ("127.0.0.1", ""),
])  # fmt: skip
def test_only_azure_s_names_lead_here(host: str, service: str) -> None:
    assert service_of(host) == service


@pytest.mark.parametrize("target", [
    "pypi.org:443", "127.0.0.1:22", "management.azure.com:22", "graph.microsoft.com:443",
    "management.azure.com@evil.net:443", "[::1]:443", "", ":443", "management.azure.com:443:443",
])  # fmt: skip
def test_proxy_connects_to_nothing_else(box: Box, target: str) -> None:
    box.proxy.ports |= dict.fromkeys(["management", "login", "batch", "blob"], 1)
    refused = box.proxy.refuse("CONNECT", target, "", {})
    assert refused is not None
    assert refused.status == 403
    assert refused.tunnel is None


def test_proxy_connects_azure_s_names_to_their_ports(box: Box) -> None:
    box.proxy.ports |= {"batch": 5, "blob": 6}
    for target, port in (("a.eastus.batch.azure.com:443", 5), ("a.blob.core.windows.net:443", 6)):
        assert box.proxy.refuse("CONNECT", target, "", {}) is None
        assert box.proxy.answer("CONNECT", target, "", {}).tunnel == port


@pytest.mark.parametrize(("target", "reason"), [
    ("a.blob.core.windows.net:443", "Azurite is not installed"),
    ("a.table.core.windows.net:443", "only blobs"),
    ("management.azure.com:443", "not open yet"),
])  # fmt: skip
def test_proxy_says_what_is_not_there(box: Box, target: str, reason: str) -> None:
    refused = box.proxy.refuse("CONNECT", target, "", {})
    assert refused is not None
    assert refused.status == 502
    assert reason in read(refused).content


def test_proxy_passes_no_plain_http(box: Box) -> None:
    refused = box.proxy.refuse("GET", "http://example.com/", "", {})
    assert refused is not None
    assert refused.status == 403


def test_batch_account_of_another_name_is_not_found(box: Box) -> None:
    token, _ = box.tokens.issue("https://batch.core.windows.net/")
    query, headers = "api-version=2025-06-01", {"Authorization": f"Bearer {token}"}
    for region in ("westeurope", "eastus"):  # the lab is in every region
        host = f"batchlab.{region}.batch.azure.com"
        assert box.send(host, "GET", "/pools", b"", query, **headers).status == 200
    other = box.send("other.westeurope.batch.azure.com", "GET", "/pools", b"", query, **headers)
    assert (other.status, other.code) == (404, "ResourceNotFound")
    assert box.account.batch_host in other.reason
    nowhere = box.send("127.0.0.1:443", "GET", "/pools", b"", query, **headers)
    assert nowhere.status == 421


def test_batch_service_takes_its_own_tokens_only(box: Box) -> None:
    for audience in ("https://management.azure.com/", "https://storage.azure.com"):
        token, _ = box.tokens.issue(audience)
        answer = box.send(box.account.batch_host, "GET", "/pools", b"", "api-version=2025-06-01",
                          Authorization=f"Bearer {token}")  # fmt: skip
        assert (answer.status, answer.content["code"]) == (403, "AuthenticationFailed")


@pytest.mark.parametrize("header", ["", "Bearer x", "Basic x", "Bearer"])
def test_management_wants_a_token(box: Box, header: str) -> None:
    answer = box.ask("GET", "/subscriptions", Authorization=header)
    assert (answer.status, answer.code) == (401, "InvalidAuthenticationToken")
    assert "Bearer" in answer.headers["WWW-Authenticate"]


def test_management_refuses_a_token_for_batch_and_a_web_page(box: Box) -> None:
    token, _ = box.tokens.issue("https://batch.core.windows.net/")
    wrong = box.ask("GET", "/subscriptions", Authorization=f"Bearer {token}")
    assert wrong.status == 401
    assert box.ask("GET", "/subscriptions", Origin="https://example.com").status == 403


@pytest.mark.parametrize("host", ["[", "", "a b", "\x00", "[::1"])
def test_host_that_is_none_is_refused(box: Box, host: str) -> None:
    assert box.send(host, "GET", "/pools").status == 421


def test_short_account_has_a_storage_account_with_a_valid_name() -> None:
    assert Account("ab").storage == "abstorage"
    assert Account("abc").blob_host == "abc.blob.core.windows.net"
