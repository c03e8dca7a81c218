"""A quick start with azure-batch 2 to 9, run by a Python that has it: FILE URL ACCOUNT KEY."""

import sys
import time

from azure.batch import BatchServiceClient
from azure.batch import models as m
from azure.batch.batch_auth import SharedKeyCredentials


def until(met):
    end = time.monotonic() + 60
    while not met():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def has(model, name):
    return name in model._attribute_map


path, url, account, key = sys.argv[1:]
credentials = SharedKeyCredentials(account, key)
try:
    client = BatchServiceClient(credentials, batch_url=url)
except TypeError:
    client = BatchServiceClient(credentials, base_url=url)
first = has(m.CloudPool, "target_dedicated")
nodes = "target_dedicated" if first else "target_dedicated_nodes"
current = "current_dedicated" if first else "current_dedicated_nodes"
source = "blob_source" if has(m.ResourceFile, "blob_source") else "http_url"
client.pool.add(m.PoolAddParameter(
    id="old", vm_size="standard_d2s_v3", max_tasks_per_node=4,
    start_task=m.StartTask(command_line="/bin/sh -c 'echo start'", wait_for_success=True),
    **{nodes: 2}
))  # fmt: skip
pool = client.pool.get("old")
assert (pool.max_tasks_per_node, getattr(pool, nodes)) == (4, 2)
until(lambda: [node.state.value for node in client.compute_node.list("old")] == ["idle"] * 2)
assert getattr(client.pool.get("old"), current) == 2
client.job.add(m.JobAddParameter(id="old", pool_info=m.PoolInformation(pool_id="old")))
file = m.ResourceFile(file_path="in.txt", **{source: path})
tasks = [
    m.TaskAddParameter(id=f"t{n}", command_line="/bin/sh -c 'cat in.txt'", resource_files=[file])
    for n in range(3)
]
added = client.task.add_collection("old", tasks)
assert [one.status.value for one in added.value] == ["success"] * 3
until(lambda: {task.state.value for task in client.task.list("old")} == {"completed"})
task = client.task.get("old", "t0")
assert task.execution_info.exit_code == 0, task.execution_info
assert getattr(task.resource_files[0], source) == path
assert b"".join(client.file.get_from_task("old", "t1", "stdout.txt")) == b"read\n"
if hasattr(client.job, "get_task_counts"):
    counts = client.job.get_task_counts("old")
    assert (counts.completed, counts.succeeded, counts.failed) == (3, 3, 0)
if hasattr(client.account, "list_node_agent_skus"):
    assert "batch.node.ubuntu 22.04" in [sku.id for sku in client.account.list_node_agent_skus()]
assert client.job.get_all_lifetime_statistics().num_succeeded_tasks >= 3
assert client.pool.get_all_lifetime_statistics().usage_stats.dedicated_core_time
client.pool.resize("old", m.PoolResizeParameter(**{nodes: 1}))
until(lambda: getattr(client.pool.get("old"), current) == 1)
code = ""
try:
    client.job.get("other")
except m.BatchErrorException as error:
    code = error.error.code
assert code == "JobNotFound"
client.job.terminate("old")
client.job.delete("old")
client.pool.delete("old")
print("done")
