"""What a node's agent did can be uploaded, and who can log in to a node can be asked."""

from datetime import timedelta

import pytest

import batchlab as bl
from helpers.stories import SOON, only, pool_of, sh

DAY = timedelta(days=1)


def uploaded(lab, node, **times):
    """The text of a node's log, from the container that it was uploaded to."""
    lab.storage.create_container("logs", exist_ok=True)
    start = times.pop("start_time", lab.now - DAY)
    result = node.upload_service_logs("logs", start, **times)
    blobs = [blob.name for blob in lab.storage["logs"].list(result.virtual_directory_name)]
    assert len(blobs) == result.number_of_files_uploaded
    return lab.storage["logs"].text(blobs[0]) if blobs else None


@pytest.mark.processes
def test_log_says_what_the_agent_did(lab):
    node = only(pool_of(lab).nodes.values())
    job = lab.create_job("j", "p")
    job.create_task("good", sh("true")).wait(timeout=SOON)
    job.create_task("bad", sh("exit 3")).wait(timeout=SOON)
    file = bl.ResourceFile(http_url="http://127.0.0.1:1/in.txt?sig=s3cr", file_path="in.txt")
    job.create_task("late", sh("true"), resource_files=[file]).wait(timeout=SOON)
    job.create_task("who", sh("true"), user_identity="bob").wait(timeout=SOON)
    text = uploaded(lab, node)
    lines = [line.partition(" ")[2] for line in text.splitlines()]
    assert f"node {node.id} starts" in lines[0]
    said = " / ".join(lines)
    for words in (
        "of j/good begins in workitems/j/job-1/good", "of j/good ends with exit code 0",
        "of j/bad ends with exit code 3", "downloads http://127.0.0.1:1/in.txt /",
        "of j/who failed: NodeUserNotFound: pool 'p' has no user 'bob'",
    ):  # fmt: skip
        assert words in said
    assert "s3cr" not in text
    times = [line.partition(" ")[0] for line in text.splitlines()]
    assert times == sorted(times)
    assert f"{lab.now - DAY:%Y}" <= times[0] <= f"{lab.now:%Y-%m-%dT%H:%M:%S}Z"


@pytest.mark.processes
def test_log_outlives_a_reboot_and_not_another_machine(lab):
    node = only(pool_of(lab).nodes.values())
    lab.create_job("j", "p").create_task("t", sh("true")).wait(timeout=SOON)
    node.reboot()
    node.wait("idle", timeout=SOON)
    text = uploaded(lab, node)
    assert text.count(f"node {node.id} starts") == 2
    assert "of j/t ends with exit code 0" in text


def test_log_of_another_time_is_not_uploaded(lab):
    node = only(pool_of(lab).nodes.values())
    before = lab.now - DAY
    assert uploaded(lab, node, start_time=before, end_time=before + timedelta(hours=1)) is None
    assert uploaded(lab, node, start_time=lab.now + DAY) is None
    first = node.upload_service_logs("logs", before).virtual_directory_name
    second = node.upload_service_logs("logs", before).virtual_directory_name
    assert first != second
    assert first.startswith(f"p/{node.id}/")


def test_log_that_cannot_be_uploaded_is_refused(lab):
    node = only(pool_of(lab).nodes.values())
    with pytest.raises(bl.InvalidRequest, match="container") as caught:
        node.upload_service_logs("nowhere", lab.now)
    assert caught.value.values["PropertyName"] == "container_url"
    with pytest.raises(bl.InvalidRequest, match="later than start_time"):
        node.upload_service_logs("nowhere", lab.now, end_time=lab.now - DAY)
    lab.pools["p"].resize(0)
    lab.pools["p"].wait("steady", timeout=SOON)
    with pytest.raises(bl.NotFound, match="NodeNotFound"):
        node.upload_service_logs("nowhere", lab.now)


@pytest.mark.processes
def test_user_of_a_node_runs_its_tasks(lab):
    node = only(pool_of(lab).nodes.values())
    node.create_user("ada", is_admin=True, password="secret")
    with pytest.raises(bl.Conflict, match="NodeUserExists"):
        node.create_user("Ada")
    node.replace_user("ada", expiry_time=lab.now + DAY)
    job = lab.create_job("j", "p")
    task = job.create_task("t", sh("true"), user_identity="ada")
    task.wait(timeout=SOON)
    assert task.exit_code == 0
    node.delete_user("ada")
    later = job.create_task("u", sh("true"), user_identity="ada")
    later.wait(timeout=SOON)
    assert later.failure_info.code == "NodeUserNotFound"
    with pytest.raises(bl.NotFound, match="NodeUserNotFound"):
        node.delete_user("ada")
    assert node.remote_login_settings().remote_login_ip_address == node.ip_address
