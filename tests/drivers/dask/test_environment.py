import os

import pytest

from batchlab.core.messages.outputs import StartRun
from batchlab.core.model.ids import RunId
from batchlab.core.tasks.environment import NodeFacts, environment

NODE = NodeFacts(account_name="acc", account_url="https://acc", node_id="n1",
                 root_directory="/root/n1")  # fmt: skip
EVERYWHERE = {
    "AZ_BATCH_ACCOUNT_NAME": "acc",
    "AZ_BATCH_ACCOUNT_URL": "https://acc",
    "AZ_BATCH_POOL_ID": "p",
    "AZ_BATCH_NODE_ID": "n1",
    "AZ_BATCH_NODE_IS_DEDICATED": "true",
    "AZ_BATCH_NODE_ROOT_DIR": "/root/n1",
    "AZ_BATCH_NODE_SHARED_DIR": "/root/n1/shared",
    "AZ_BATCH_NODE_STARTUP_DIR": "/root/n1/startup",
    "AZ_BATCH_NODE_MOUNTS_DIR": "/root/n1/fsmounts",
    "AZ_BATCH_TASK_DIR": "/root/n1/d",
    "AZ_BATCH_TASK_WORKING_DIR": "/root/n1/d/wd",
    "AZ_BATCH_TASK_RESERVED_EPHEMERAL_DISK_SPACE_BYTES": "1000000000",
    "AZ_BATCH_CERTIFICATES_DIR": "/root/n1/d/certs",
    "WATASK_ACCOUNT_NAME": "acc",
    "WATASK_POOL_NAME": "p",
    "WATASK_TVM_NAME": "n1",
    "WATASK_TVM_ROOT_DIR": "/root/n1",
}
OF_JOB = {
    "AZ_BATCH_JOB_ID": "j",
    "AZ_BATCH_TASK_ID": "t",
    "WATASK_WORKITEM_NAME": "j",
    "WATASK_JOB_NAME": "j",
    "WATASK_TASK_NAME": "t",
}
PREPARED = {
    "AZ_BATCH_JOB_PREP_DIR": "/root/n1/prep",
    "AZ_BATCH_JOB_PREP_WORKING_DIR": "/root/n1/prep/wd",
}


def order(kind, *, preparation=None, **variables):
    return StartRun(run_id=RunId("" if kind == "starttask" else "j", "t", "n1", 1), kind=kind,
                    pool_id="p", command_line="x", directory="d", environment=variables,
                    preparation_directory=preparation)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "preparation", "expected"),
    [
        ("starttask", None, EVERYWHERE),
        ("jobpreparation", "prep", EVERYWHERE | OF_JOB),
        ("task", None, EVERYWHERE | OF_JOB),
        ("task", "prep", EVERYWHERE | OF_JOB | PREPARED),
        ("jobrelease", "prep", EVERYWHERE | OF_JOB | PREPARED),
    ],
)
def test_environment_of_each_kind_has_the_names_of_its_column(kind, preparation, expected):
    assert environment(order(kind, preparation=preparation), NODE) == expected


def test_environment_set_by_the_user_wins_over_the_node_and_loses_to_the_system():
    run = order("task", PATH="mine", EMPTY="", AZ_BATCH_JOB_ID="forged", AZ_BATCH_MINE="kept",
                AZ_BATCH_JOB_PREP_DIR="forged")  # fmt: skip
    values = environment(run, NODE, {"PATH": "/bin", "HOME": "/h", "AZ_BATCH_TASK_ID": "outer"})
    assert values["PATH"] == "mine"
    assert values["HOME"] == "/h"
    assert values["EMPTY"] == ""
    assert values["AZ_BATCH_JOB_ID"] == "j"
    assert values["AZ_BATCH_TASK_ID"] == "t"
    assert values["AZ_BATCH_MINE"] == "kept"
    assert "AZ_BATCH_JOB_PREP_DIR" not in values


def test_environment_of_a_job_of_a_schedule_names_its_work_item():
    run = StartRun(run_id=RunId("s:job-2", "t", "n1", 1), kind="task", pool_id="p",
                   command_line="x", directory="d")  # fmt: skip
    assert environment(run, NODE)["WATASK_WORKITEM_NAME"] == "s"


def test_environment_of_the_process_is_left_alone():
    before = dict(os.environ)
    environment(order("task", PATH="mine"), NODE, os.environ)
    assert dict(os.environ) == before
