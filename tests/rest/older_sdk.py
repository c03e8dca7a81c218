"""A quick start with azure-batch 14.2, to be run by a Python that has it: URL ACCOUNT KEY."""

import sys
import time
from datetime import timedelta

from azure.batch import BatchServiceClient
from azure.batch import models as m
from azure.batch.batch_auth import SharedKeyCredentials


def until(met):
    end = time.monotonic() + 60
    while not met():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


url, account, key = sys.argv[1:]
client = BatchServiceClient(SharedKeyCredentials(account, key), batch_url=url)
image = m.VirtualMachineConfiguration(
    image_reference=m.ImageReference(publisher="canonical", offer="ubuntu", sku="22_04"),
    node_agent_sku_id="batch.node.ubuntu 22.04",
)
client.pool.add(m.PoolAddParameter(
    id="old", vm_size="STANDARD_D2S_V3", virtual_machine_configuration=image,
    target_dedicated_nodes=1, resize_timeout=timedelta(minutes=10),
    start_task=m.StartTask(command_line="/bin/sh -c 'echo start'", wait_for_success=True),
))  # fmt: skip
assert client.pool.exists("old")
assert not client.pool.exists("other")
assert client.pool.get("old").resize_timeout == timedelta(minutes=10)
until(lambda: [n.state.value for n in client.compute_node.list("old")] == ["idle"])
client.job.add(m.JobAddParameter(
    id="old", pool_info=m.PoolInformation(pool_id="old"),
    job_preparation_task=m.JobPreparationTask(command_line="/bin/sh -c 'echo p'"),
))  # fmt: skip
tasks = [m.TaskAddParameter(id=f"t{n}", command_line=f"/bin/sh -c 'echo {n}'") for n in range(120)]
for start in (0, 100):
    added = client.task.add_collection("old", tasks[start : start + 100])
    assert {str(one.status) for one in added.value} <= {"TaskAddStatus.success", "Success"}
options = m.TaskListOptions(max_results=50, select="id, state")
until(lambda: {t.state.value for t in client.task.list("old", options)} == {"completed"})
assert len(list(client.task.list("old", options))) == 120
assert b"".join(client.file.get_from_task("old", "t7", "stdout.txt")) == b"7\n"
about = client.file.get_properties_from_task("old", "t7", "stdout.txt", raw=True)
assert about.response.headers["Content-Length"] == "2"
(row,) = client.job.list_preparation_and_release_task_status("old")
assert row.job_preparation_task_execution_info.exit_code == 0
code = ""
try:
    client.job.get("other")
except m.BatchErrorException as error:
    code = error.error.code
assert code == "JobNotFound"
assert not list(client.certificate.list())
client.job.terminate("old")
until(lambda: client.job.get("old").state.value == "completed")
client.job.delete("old")
client.pool.delete("old")
print("done")
