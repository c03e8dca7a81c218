"""An endpoint: made, shown, stopped, and what is refused."""

from __future__ import annotations

import http.client
import os
import re
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.batch import models as m
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ServiceRequestError

import batchlab as bl
from helpers.certificates import self_signed
from helpers.waiting import until


@pytest.fixture
def lab() -> Any:
    with bl.SimulatedLab(boot="1s") as lab:
        yield lab


def listening(url: str) -> bool:
    host, _, port = url.removeprefix("http://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True


def test_endpoint_stopped_nothing_of_it_is_left(lab: Any) -> None:
    before = set(threading.enumerate())
    endpoint = lab.serve()
    assert listening(endpoint.url)
    endpoint.stop()
    endpoint.stop()
    assert not listening(endpoint.url)
    until(lambda: set(threading.enumerate()) <= before)
    assert "(stopped)" in repr(endpoint)


def test_endpoint_of_a_lab_that_is_closed_is_stopped() -> None:
    lab = bl.SimulatedLab()
    endpoint = lab.serve()
    lab.close()
    assert not listening(endpoint.url)


def test_endpoint_shows_what_to_paste_and_it_works(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lab.serve() as endpoint:
        monkeypatch.setenv("AZURE_BATCH_ACCESS_KEY", endpoint.key)
        names: dict[str, Any] = {}
        exec(endpoint.snippets["python"], names)
        with names["client"] as client:
            assert list(client.list_pools()) == []
        page = endpoint._repr_html_()
        assert endpoint.url in page
        assert "az batch" in page
        assert endpoint.snippets["python"] in repr(endpoint)
        for shown in (page, repr(endpoint), *endpoint.snippets.values()):
            assert endpoint.key not in shown


def test_key_made_at_random_or_as_given(lab: Any) -> None:
    with lab.serve() as one, lab.serve() as other:
        assert one.key != other.key
    with lab.serve(key="c2VjcmV0") as endpoint:
        assert endpoint.key == "c2VjcmV0"


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": -1}, {"port": "80"}, {"port": True}, {"host": "no such host"}, {"key": "no key"},
        {"key": 5}, {"key": ""}, {"speed": 0}, {"speed": "fast"}, {"prot": 5},
    ],
)  # fmt: skip
def test_endpoint_asked_for_wrongly_it_is_refused_by_name(lab: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(bl.InvalidRequest) as caught:
        lab.serve(**wrong)
    assert caught.value.values["PropertyName"] in wrong
    assert "no key" not in str(caught.value)


def test_port_that_is_taken_is_refused(lab: Any) -> None:
    with lab.serve() as endpoint:
        port = int(endpoint.url.rpartition(":")[2])
        with pytest.raises(
            bl.InvalidRequest, match=r"cannot listen on this address: .*port 0"
        ) as caught:
            lab.serve(port=port)
        assert f"process {os.getpid()} (" in caught.value.message
        assert re.search(r"or use port \d+, which is free, or port 0", caught.value.message)


def test_clock_of_a_simulated_lab_runs_while_it_is_served(lab: Any) -> None:
    with lab.serve(speed=1000.0):
        start = lab.now
        until(lambda: (lab.now - start).total_seconds() > 60)


def test_key_that_is_wrong_the_client_is_told(lab: Any) -> None:
    with lab.serve() as endpoint:
        endpoint.key = "c2VjcmV0"
        with endpoint.client() as client, pytest.raises(HttpResponseError) as caught:
            client.create_pool(m.BatchPoolCreateOptions(id="p", vm_size="small"))
    assert caught.value.status_code == 403
    assert list(lab.pools) == []


def test_endpoint_with_a_certificate_is_for_those_who_trust_it(lab: Any, tmp_path: Path) -> None:
    cert = self_signed(tmp_path)
    with lab.serve(bearer=True, cert=cert) as endpoint:
        assert endpoint.url.startswith("https://")
        assert all(str(cert) in text for text in endpoint.snippets.values())
        with endpoint.client(connection_verify=str(cert)) as client:
            client.create_pool(m.BatchPoolCreateOptions(id="p", vm_size="small"))
            page = client.list_pools(max_results=1).by_page().next()
            assert [pool.url for pool in page] == [f"{endpoint.url}/pools/p"]
        with endpoint.client(retry_total=0) as client, pytest.raises(ServiceRequestError):
            client.get_pool("p")
        token = BatchClient(endpoint.url, Token(), connection_verify=str(cert))
        with token as client:
            assert client.get_pool("p").id == "p"


class Token:
    """A credential that has a token at hand."""

    def get_token(self, *scopes: str, **more: Any) -> AccessToken:
        return AccessToken("any", int(time.time()) + 3600)


def test_certificate_that_cannot_be_read_is_refused(lab: Any, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    for name, given in [
        ("cert", {"cert": tmp_path / "none"}), ("cert", {"cert": nothing}),
        ("cert_key", {"cert": self_signed(tmp_path), "cert_key": tmp_path / "none"}),
        ("cert", {"cert": self_signed(tmp_path), "cert_key": nothing}),
        ("cert", {"cert": self_signed(tmp_path, password=b"secret")}), ("cert", {"cert": 5}),
        ("cert_key", {"cert_key": nothing}),
    ]:  # fmt: skip
        with pytest.raises(bl.InvalidRequest) as caught:
            lab.serve(**given)
        assert caught.value.values["PropertyName"] == name


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [4 * 2**20 + 1, 120 * 2**20])
def test_request_of_many_bytes_is_refused_as_azure_does(
    lab: Any, size: int, chunked: bool
) -> None:
    with lab.serve(bearer=True) as endpoint:
        connection = http.client.HTTPConnection(endpoint.url.removeprefix("http://"), timeout=100)
        headers = {"Authorization": "Bearer x", "Content-Type": "application/json"}
        body = [b" " * size] if chunked else b" " * size
        connection.request("POST", "/pools?api-version=2025-06-01", body, headers)
        response = connection.getresponse()
        assert response.status == 413
        assert re.search(rb'"code":"RequestBodyTooLarge"', response.read())
        body = b'{"id": "p", "vmSize": "small"}'.ljust(4 * 2**20)
        connection.request("POST", "/pools?api-version=2025-06-01", body, headers)
        assert connection.getresponse().status == 201
        connection.close()


def test_tasks_too_large_to_go_together_go_apart(lab: Any) -> None:
    with lab.serve() as endpoint, endpoint.client() as client:
        client.create_job(m.BatchJobCreateOptions(id="j", pool_info=m.BatchPoolInfo(pool_id="p")))
        large = {"environment_settings": [m.EnvironmentSetting(name="X", value="x" * 900_000)]}
        tasks = [
            m.BatchTaskCreateOptions(id=f"t{number}", command_line="true", **large)
            for number in range(80)
        ]
        client.create_tasks("j", tasks)
        assert sorted(lab.jobs["j"].tasks) == sorted(task.id for task in tasks)
        tasks[0].environment_settings[0].value *= 2
        tasks[0].id = "more"
        with pytest.raises(m.CreateTasksError):
            client.create_tasks("j", tasks[:1])


def test_answer_without_a_body_leaves_the_connection_usable(lab: Any) -> None:
    with lab.serve(bearer=True) as endpoint:
        lab.create_job("j", "p").create_task("t", "true")
        connection = http.client.HTTPConnection(endpoint.url.removeprefix("http://"), timeout=30)
        found = []
        for method, path, condition in [
            ("GET", "/jobs/j", {"If-None-Match": "*"}),
            ("HEAD", "/pools/other", {}),
            ("POST", "/jobs/j/tasks/t/terminate", {}),
            ("DELETE", "/jobs/j", {}),
            ("GET", "/jobs", {}),
        ]:
            headers = {"Authorization": "Bearer x"} | condition
            connection.request(method, path + "?api-version=2025-06-01", headers=headers)
            response = connection.getresponse()
            found.append((response.status, len(response.read()) > 0))
        connection.close()
    assert found == [(304, False), (404, False), (204, False), (202, False), (200, True)]


def test_large_file_comes_in_pieces_and_whole() -> None:
    size = 9 * 2**20 + 17
    with bl.Lab() as lab, lab.serve() as endpoint, endpoint.client() as client:
        lab.create_pool("p", target_dedicated_nodes=1)
        job = lab.create_job("j", "p")
        job.create_task("t", f"/bin/sh -c 'head -c {size} /dev/zero | tr \"\\\\0\" x > big'")
        job.tasks.wait()
        pieces = client.download_task_file("j", "t", "wd/big")
        assert b"".join(pieces) == b"x" * size
        last = client.download_task_file("j", "t", "wd/big", ocp_range=f"bytes={size - 3}-")
        assert b"".join(last) == b"xxx"
