"""Users, logins and logs of nodes, as the SDK asks for them."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from azure.batch import models as m
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from batchlab.drivers import node_log
from helpers.rest import POOL, Desk
from helpers.waiting import until


@pytest.fixture(scope="module")
def client(endpoint: Any) -> Iterator[Any]:
    with endpoint.client() as client:
        yield client


@pytest.fixture(scope="module")
def node(client: Any) -> str:
    client.create_pool(
        m.BatchPoolCreateOptions(id="p", vm_size="standard_d2s_v3", target_dedicated_nodes=1)
    )
    (node,) = until(lambda: [each.id for each in client.list_nodes("p") if each.state == "idle"])
    return str(node)


def now(client: Any, node: str) -> Any:
    """The time on the lab's clock."""
    return client.get_node("p", node).state_transition_time


def test_user_is_created_replaced_and_deleted(client: Any, node: str) -> None:
    user = m.BatchNodeUserCreateOptions(
        name="ada", is_admin=True, password="s3cr",
        expiry_time=now(client, node) + timedelta(days=30),
    )  # fmt: skip
    client.create_node_user("p", node, user)
    with pytest.raises(ResourceExistsError) as exists:
        client.create_node_user("p", node, user)
    assert exists.value.error.code == "NodeUserExists"
    client.replace_node_user("p", node, "ada", m.BatchNodeUserReplaceOptions(ssh_public_key="k"))
    client.delete_node_user("p", node, "ada")
    for act in (
        lambda: client.delete_node_user("p", node, "ada"),
        lambda: client.replace_node_user("p", node, "ada", m.BatchNodeUserReplaceOptions()),
    ):
        with pytest.raises(ResourceNotFoundError) as missing:
            act()
        assert missing.value.error.code == "NodeUserNotFound"
    with pytest.raises(ResourceNotFoundError) as missing:
        client.create_node_user("p", "other", user)
    assert missing.value.error.code == "NodeNotFound"


def test_remote_login_is_to_the_address_of_the_node(client: Any, node: str) -> None:
    settings = client.get_node_remote_login_settings("p", node)
    assert settings.remote_login_ip_address == client.get_node("p", node).ip_address
    assert settings.remote_login_port == 22


def test_log_is_uploaded_to_the_container_that_is_named(
    client: Any, node: str, endpoint: Any, tmp_path: Any
) -> None:
    options = m.UploadBatchServiceLogsOptions(
        container_url=tmp_path.as_uri(), start_time=now(client, node) - timedelta(days=1)
    )
    result = client.upload_node_logs("p", node, options)
    assert result.number_of_files_uploaded == 1
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert str(path.relative_to(tmp_path)).startswith(result.virtual_directory_name + "/")
    assert f"node {node} starts" in path.read_text()
    options.container_url = (tmp_path / "missing").as_uri()
    with pytest.raises(HttpResponseError) as caught:
        client.upload_node_logs("p", node, options)
    assert (caught.value.status_code, caught.value.error.code) == (400, "InvalidPropertyValue")


def test_log_is_refused_by_a_container_that_does_not_answer(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.furnish()
    desk.lab.pools["p"].nodes.wait()
    (node,) = desk.get("/pools/p/nodes").content["value"]
    monkeypatch.setattr(node_log, "ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/logs"
        body = {"containerUrl": url, "startTime": "2020-01-01T00:00:00Z"}
        begin = time.monotonic()
        answer = desk.post(f"/pools/p/nodes/{node['id']}/uploadbatchservicelogs", body)
        assert time.monotonic() - begin < 15
    assert (answer.status, answer.code) == (400, "InvalidPropertyValue")
    assert "did not answer within 0.2 s" in answer.values[-1]["value"]


def test_answers_have_the_status_and_the_form_of_azure(desk: Desk) -> None:
    desk.furnish()
    desk.lab.pools["p"].nodes.wait()
    (node,) = desk.get("/pools/p/nodes").content["value"]
    path = f"/pools/p/nodes/{node['id']}"
    answer = desk.post(f"{path}/users", {"name": "ada", "password": "s3cr", "isAdmin": False})
    assert (answer.status, answer.raw) == (201, b"")
    assert answer.headers["Location"].endswith(f"{path}/users/ada")
    assert desk.ask("PUT", f"{path}/users/ada", {"password": "n3w"}).status == 200
    assert desk.ask("DELETE", f"{path}/users/ada").status == 200
    assert desk.post(f"{path}/users", {"password": "x"}).code == "MissingRequiredProperty"
    assert desk.post(f"{path}/users", {"name": "a/b"}).code == "InvalidPropertyValue"
    past = {"name": "b", "expiryTime": "2001-01-01T00:00:00Z"}
    assert desk.post(f"{path}/users", past).code == "InvalidPropertyValue"
    settings = desk.get(f"{path}/remoteloginsettings")
    assert settings.content["remoteLoginIPAddress"] == node["ipAddress"]
    assert settings.content["remoteLoginPort"] == 22
    for body in ({}, {"containerUrl": "logs"}):
        answer = desk.post(f"{path}/uploadbatchservicelogs", body)
        assert (answer.status, answer.code) == (400, "MissingRequiredProperty")
    desk.lab.storage.create_container("logs")
    body = {"containerUrl": "logs", "startTime": "2020-01-01T00:00:00Z"}
    answer = desk.post(f"{path}/uploadbatchservicelogs", body)
    assert answer.status == 200
    assert answer.content["numberOfFilesUploaded"] == 1
    assert answer.content["virtualDirectoryName"].startswith(f"p/{node['id']}/")
    for name in ("users/ada", "remoteloginsettings", "rdp", "uploadbatchservicelogs"):
        method = "POST" if name.startswith("upload") else "GET"
        method = "DELETE" if name.startswith("users") else method
        answer = desk.ask(method, f"/pools/p/nodes/other/{name}", body)
        assert (answer.status, answer.code) == (404, "NodeNotFound"), name


def test_node_that_has_not_started_counts_nothing(desk: Desk) -> None:
    desk.post("/pools", POOL)
    counts = {"totalTasksSucceeded", "runningTasksCount", "runningTaskSlotsCount"}
    (node,) = desk.get("/pools/p/nodes").content["value"]
    assert node["state"] == "creating"
    assert not (counts | {"machine"}) & node.keys()
    desk.lab.advance("1m")
    (node,) = desk.get("/pools/p/nodes").content["value"]
    assert node["state"] == "idle"
    assert counts <= node.keys()
    (login,) = node["endpointConfiguration"]["inboundEndpoints"]
    settings = desk.get(f"/pools/p/nodes/{node['id']}/remoteloginsettings").content
    assert login["publicIPAddress"] == settings["remoteLoginIPAddress"]
    assert login["frontendPort"] == settings["remoteLoginPort"]
    assert "certificateReferences" not in node
    (old,) = desk.ask("GET", "/pools/p/nodes", version="2024-02-01.19.0").content["value"]
    assert old["certificateReferences"] == []
    assert "machine" not in node, "Azure does not have it"
