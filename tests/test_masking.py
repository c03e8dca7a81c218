"""Secrets in what is shown: none comes out, whichever way it takes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

import batchlab as bl
from batchlab.drivers.node_log import NodeLog
from batchlab.masking import mask
from batchlab.widgets.answers import answer
from helpers.rest import Desk

SECRET = "aB3dZ9xQ7"
"""In every text of these tests, and nowhere in what is shown."""
SIGNED = f"https://account.blob.core.windows.net/data/a.txt?sv=2024-11-04&sig={SECRET}%3D&se=2030"

WITH_SECRETS = [
    SIGNED,
    f"https://a/b?SIG={SECRET}", f"?sig={SECRET}&amp;se=2030", f"sig={SECRET}",
    f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={SECRET}==;EndpointSuffix=b",
    f"BlobEndpoint=https://a;SharedAccessSignature=sv=1&sig={SECRET}&se=2",
    f'{{"accountKey": "{SECRET}", "n": 1}}', f"{{'sas_key': '{SECRET}'}}",
    f"UserAccount(name='a', password='{SECRET}')", f'password="it\\"s {SECRET}"',
    f"curl -H 'Authorization: Bearer {SECRET}.x.y' http://a", f"bearer {SECRET}",
    f"Authorization: SharedKey batchlab:{SECRET}=", f"authorization: basic {SECRET}",
    f"AZURE_BATCH_ACCESS_KEY={SECRET} az batch", f"export DB_PASSWORD={SECRET}",
    f"--password={SECRET} --verbose", f"aws_secret_access_key={SECRET}",
    f"s3://bucket/x?X-Amz-Signature={SECRET}&X-Amz-Date=1", f"https://ann:{SECRET}@host/x",
    f"postgresql+psycopg://ann:{SECRET}@db:5432/x", f"client_secret={SECRET}",
    f"https://a/b?access_token={SECRET}",
]  # fmt: skip


@pytest.mark.parametrize("text", WITH_SECRETS)
def test_secret_is_masked_once_and_for_all(text: str) -> None:
    shown = mask(text)
    assert SECRET not in shown
    assert "***" in shown
    assert mask(shown) == shown
    assert SECRET not in mask(f"before {text} after {text}, {text}")


@pytest.mark.parametrize("text", [
    "", "a bearer token", "Bearer authentication is off", "key=5, tasks=3", "PWD=/tmp/x",
    "password=None, name='x'", "UserAccount.password is required", "design=blue&sign=1",
    "https://host:8080/a@b", "ann@example.org", 'os.environ["AZURE_BATCH_ACCESS_KEY"]',
    "if [ $password == x ]", "monkeys=3", "is '(not shown)': must be Base64",
])  # fmt: skip
def test_text_without_secrets_stays(text: str) -> None:
    assert mask(text) == text


def test_rest_of_a_url_stays() -> None:
    assert mask(SIGNED) == SIGNED.replace(f"{SECRET}%3D", "***")


# -- the ways out ---------------------------------------------------------------------------------


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab(boot="1s") as lab:
        yield lab


@pytest.mark.parametrize("wrong", [
    {"http_url": SIGNED, "file_mode": "rwx"}, {"http_url": SIGNED, "mode": 1},
    {"storage_container_url": SIGNED, "http_url": SIGNED}, {"http_url": [SIGNED]},
])  # fmt: skip
def test_refusals_show_no_secret(lab: Any, wrong: Any) -> None:
    job = lab.create_job("j", "p")
    with pytest.raises(bl.BatchError) as refused:
        job.create_task("t", "true", resource_files=[wrong])
    error = refused.value
    assert SECRET not in f"{error} {error!r} {error.values} {error.args}"


def test_failures_show_no_secret_anywhere(lab: Any) -> None:
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    job = lab.create_job("j", pool)
    file = bl.ResourceFile(http_url=SIGNED, file_path="a.txt")
    task = job.create_task("t", f"echo --password={SECRET}", resource_files=[file])
    task.wait()
    (node,) = pool.nodes.values()
    shown = [repr(task.failure_info), str(task.failure_info), repr(file), str([file])]
    for handle in (task, task.explain(), job, job.tasks, node, lab, lab.report()):
        shown += [repr(handle), handle._repr_html_()]
    asked = {"what": "task", "job": "j", "task": "t"}
    found = answer(lab._connection, asked)
    assert found["command_line"] == "echo --password=***"
    shown.append(str(found))
    shown.append(str(answer(lab._connection, {"what": "node", "pool": "p", "node": node.id})))
    for text in shown:
        assert SECRET not in (text or "")
    assert SECRET in task.resource_files[0].http_url  # what is stored is not changed


def test_specifications_show_no_secret() -> None:
    file = bl.ResourceFile(http_url=SIGNED, file_path="a")
    task = bl.TaskSpec(id="t", command_line=f"x --password={SECRET}", resource_files=[file])
    user = bl.UserAccount(name="ann", password=SECRET)
    for text in (repr(file), repr(task), repr([task]), repr(user), str(user)):
        assert SECRET not in text
    assert file.http_url == SIGNED


@pytest.mark.parametrize("wrong", [
    {"httpUrl": SIGNED, "filePath": 5}, {"httpUrl": SIGNED, "fileMode": "rwx"},
    {"httpUrl": SIGNED, "storageContainerUrl": SIGNED}, {"httpUrl": {"a": SIGNED}},
])  # fmt: skip
def test_rest_errors_show_no_secret(lab: Any, wrong: Any) -> None:
    desk = Desk(lab)
    desk.post("/jobs", {"id": "j", "poolInfo": {"poolId": "p"}})
    body = {"id": "t", "commandLine": "x", "resourceFiles": [wrong]}
    answer = desk.post("/jobs/j/tasks", body)
    assert answer.status == 400
    assert SECRET not in str(answer)


def test_logs_show_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("batchlab")
    with caplog.at_level(logging.INFO, "batchlab"):
        logger.info("fetching %s for %d", SIGNED, 5)
        try:
            raise ValueError(SIGNED)
        except ValueError:
            logger.exception("100 %% of %s failed", SIGNED)
    assert SECRET not in caplog.text
    assert "sig=***" in caplog.text
    assert caplog.records[0].getMessage().endswith("for 5")


def test_log_of_a_node_shows_no_secret() -> None:
    log = NodeLog()
    log.note(1.0, "fetching %s", SIGNED)
    log.note(2.0, f"password={SECRET}")
    assert SECRET not in str(log.lines())
