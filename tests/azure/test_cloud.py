"""The box with real sockets: names, tokens and certificates, and nothing of it afterwards."""

from __future__ import annotations

import re
import socket
import ssl
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import urllib3
from azure.batch import BatchClient
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError

import batchlab as bl
from batchlab.azure import azurite, cloud
from helpers.waiting import until


@pytest.fixture(autouse=True)
def without_azurite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud, "program", lambda: None)


def all_threads_end() -> None:
    """Wait until no thread of an endpoint is left: those that answer requests end last."""
    until(lambda: not [one for one in threading.enumerate()
                       if one.name.startswith("batchlab-rest")])  # fmt: skip


@pytest.fixture
def endpoint() -> Iterator[Any]:
    with bl.SimulatedLab(boot="1s") as lab, lab.serve(azure=True) as endpoint:
        yield endpoint


def way(endpoint: Any) -> urllib3.ProxyManager:
    """A client that knows the variables only."""
    variables = endpoint.environment
    return urllib3.ProxyManager(
        variables["HTTPS_PROXY"], ca_certs=variables["SSL_CERT_FILE"], retries=False
    )


class Identity:
    """A credential that asks the token service of this machine."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._variables = variables

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        resource = scopes[0].removesuffix("/.default")
        with urllib3.PoolManager() as pool:
            found = pool.request(
                "GET", self._variables["IDENTITY_ENDPOINT"],
                fields={"api-version": "2019-08-01", "resource": resource},
                headers={"X-IDENTITY-HEADER": self._variables["IDENTITY_HEADER"]},
            ).json()  # fmt: skip
        return AccessToken(found["access_token"], int(found["expires_on"]))


def test_client_comes_by_azure_s_names_with_a_key_or_a_token(endpoint: Any) -> None:
    variables = endpoint.environment
    assert endpoint.url == variables["AZURE_BATCH_ENDPOINT"]
    settings = {
        "proxies": {"https": variables["HTTPS_PROXY"]},
        "connection_verify": variables["REQUESTS_CA_BUNDLE"],
    }
    with (
        endpoint.client() as by_key,
        BatchClient(endpoint.url, Identity(variables), **settings) as by_token,
    ):
        for client in (by_key, by_token):
            assert list(client.list_pools()) == []


def test_management_plane_is_behind_its_name(endpoint: Any) -> None:
    token = Identity(endpoint.environment).get_token("https://management.azure.com/.default")
    with way(endpoint) as pool:
        answer = pool.request(
            "GET", "https://management.azure.com/subscriptions?api-version=2022-12-01",
            headers={"Authorization": f"Bearer {token.token}"},
        )  # fmt: skip
        where = "https://login.microsoftonline.com/common/discovery/instance"
        assert pool.request("GET", where).status == 200
    (subscription,) = answer.json()["value"]
    assert subscription["subscriptionId"] == endpoint.environment["AZURE_SUBSCRIPTION_ID"]


def test_any_bearer_token_is_not_enough(endpoint: Any) -> None:
    class Anything:
        def get_token(self, *scopes: str, **_: Any) -> AccessToken:
            return AccessToken("anything", 2**40)

    variables = endpoint.environment
    with BatchClient(
        endpoint.url, Anything(), proxies={"https": variables["HTTPS_PROXY"]},
        connection_verify=variables["REQUESTS_CA_BUNDLE"],
    ) as client, pytest.raises(HttpResponseError) as caught:  # fmt: skip
        list(client.list_pools())
    assert caught.value.status_code == 403


def said_to(endpoint: Any, request: str) -> str:
    """The first line of the answer to what is sent to the proxy."""
    port = int(endpoint.environment["HTTPS_PROXY"].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as link:
        link.sendall(request.encode())
        with link.makefile() as answer:
            return answer.readline().strip()


@pytest.mark.parametrize(("request_", "status"), [
    ("CONNECT pypi.org:443 HTTP/1.1\r\nHost: pypi.org:443\r\n\r\n", "403"),
    ("CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n", "403"),
    ("CONNECT management.azure.com:80 HTTP/1.1\r\nHost: management.azure.com\r\n\r\n", "403"),
    ("CONNECT management.azure.com.a.io:443 HTTP/1.1\r\nHost: a.io\r\n\r\n", "403"),
    ("GET https://management.azure.com/ HTTP/1.1\r\nHost: a\r\n\r\n", "403"),
    ("CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n", "403"),
    ("CONNECT a.blob.core.windows.net:443 HTTP/1.1\r\nHost: a\r\n\r\n", "502"),
    ("GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n", "403"),
    ("GET /msi/token?resource=x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "403"),
    ("CONNECT management.azure.com:443 HTTP/1.1\r\nHost: management.azure.com\r\n\r\n", "200"),
])  # fmt: skip
def test_proxy_answers(endpoint: Any, request_: str, status: str) -> None:
    assert said_to(endpoint, request_).split()[1] == status


def test_every_name_has_a_certificate_of_its_own(endpoint: Any) -> None:
    variables = endpoint.environment
    port = int(variables["HTTPS_PROXY"].rpartition(":")[2])
    client = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
    for name in ("other.eastus.batch.azure.com", "login.microsoftonline.com"):
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.sendall(f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            assert link.recv(1000).startswith(b"HTTP/1.1 200")
            with client.wrap_socket(link, server_hostname=name) as secure:
                subject = secure.getpeercert()["subjectAltName"]
        assert subject == (("DNS", name),)


def test_tunnel_passes_much_in_both_directions(endpoint: Any) -> None:
    with endpoint.client() as client:
        many = [{"id": f"t{n}", "commandLine": "x" * 2000} for n in range(100)]
        body = msgspec.json.encode({"value": many})
        client.create_pool({"id": "p", "vmSize": "small"})
        client.create_job({"id": "j", "poolInfo": {"poolId": "p"}})
        assert len(body) > 200_000
        client.create_tasks("j", many)
        assert sum(1 for _ in client.list_tasks("j")) == 100


def test_nothing_is_left(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with bl.SimulatedLab() as lab:
        endpoint = lab.serve(azure=True)
        variables = endpoint.environment
        port = int(variables["HTTPS_PROXY"].rpartition(":")[2])
        assert list(tmp_path.glob("batchlab-azure-*"))
        endpoint.stop()
        endpoint.stop()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port))
    assert not list(tmp_path.glob("batchlab-azure-*"))
    assert [path.name for path in data_folder.iterdir()] == ["authority.pem"]
    all_threads_end()


def test_port_is_that_of_the_proxy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, bl.SimulatedLab() as lab:
        port = taken.getsockname()[1]
        with pytest.raises(bl.InvalidRequest, match=rf"{port}: .*process \d+ .* does"):
            lab.serve(azure=True, port=port)
        taken.close()
        with lab.serve(azure=True, port=port) as endpoint:
            assert endpoint.environment["HTTPS_PROXY"] == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(("options", "reason"), [
    ({"host": "0.0.0.0"}, "to this machine only"), ({"cert": "c.pem"}, "of its own"),
    ({"bearer": True}, "own token service"), ({"behind_proxy": True}, "its own proxy"),
    ({"key": "no key"}, "must be Base64 text"), ({"azure": "yes"}, "must be True or False"),
    ({"port": -1}, "must be 0"), ({"port": "x"}, "must be 0"),
])  # fmt: skip
def test_what_does_not_go_with_it_is_refused(options: dict[str, Any], reason: str) -> None:
    with bl.SimulatedLab() as lab, pytest.raises(bl.InvalidRequest, match=reason):
        lab.serve(**{"azure": True} | options)
    all_threads_end()


def test_nodes_get_the_identity_but_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "pypi.org, *,localhost")
    with bl.SimulatedLab() as lab, lab.serve(azure=True) as endpoint:
        box = endpoint._azure
        assert box.variables["NO_PROXY"] == "localhost,127.0.0.1,::1,pypi.org"
        nodes = box.node_variables
        secrets = {box.variables[name] for name in ("AZURE_CLIENT_SECRET",
                                                    "AZURE_BATCH_ACCESS_KEY")}  # fmt: skip
        assert not secrets & set(nodes.values())
        assert nodes["IDENTITY_HEADER"] == box.variables["IDENTITY_HEADER"]


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    wanted = re.escape('pip install "batchlab[azure]"')
    with bl.SimulatedLab() as lab, pytest.raises(bl.BatchError, match=wanted):
        lab.serve(azure=True)


def test_tunnels_count_as_connections(endpoint: Any) -> None:
    connections = endpoint._azure._server.connections
    with way(endpoint) as pool:
        pool.request("GET", "https://login.microsoftonline.com/")
        assert len(connections) >= 1
    until(lambda: len(connections) == 0)


def test_azurite_that_does_not_start_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "azurite-blob"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(cloud, "program", lambda: str(program))
    monkeypatch.setattr(azurite, "START_S", 2.0)
    with bl.SimulatedLab() as lab, pytest.raises(bl.BatchError, match="does not start"):
        lab.serve(azure=True)
    all_threads_end()
