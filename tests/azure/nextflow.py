"""What Nextflow's plugin for Azure sends for one process of a workflow, in its order.

After ``AzBatchService`` of the plugin nf-azure: the work directory is in a container of blobs, the
task gets its script from there and puts its exit code and its log there, all by signed URLs.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

from azure.batch import BatchClient, models
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

env = os.environ
ACCOUNT, KEY = env["AZURE_STORAGE_ACCOUNT"], env["AZURE_STORAGE_KEY"]
FORMULA = """
    // Get pool lifetime since creation.
    lifespan = time() - time("{created}");
    interval = TimeInterval_Minute * 5;

    // Compute the target nodes based on pending tasks.
    // $PendingTasks == The sum of $ActiveTasks and $RunningTasks
    $samples = $PendingTasks.GetSamplePercent(interval);
    $tasks = $samples < 70 ? max(0, $PendingTasks.GetSample(1)) : max( $PendingTasks.GetSample(1), avg($PendingTasks.GetSample(interval)));
    $targetVMs = $tasks > 0 ? $tasks : max(0, $TargetDedicatedNodes/2);
    targetPoolSize = max(0, min($targetVMs, 3));

    // For first interval deploy 1 node, for other intervals scale up/down as per tasks.
    $TargetDedicatedNodes = lifespan < interval ? 1 : targetPoolSize;
    $NodeDeallocationOption = taskcompletion;
"""  # noqa: E501 - as it is sent
RUN = "bash .command.sh\necho $? > .exitcode\n"
SCRIPT = "echo hello from $AZ_BATCH_TASK_ID\n"

container = ContainerClient.from_connection_string(env["AZURE_STORAGE_CONNECTION_STRING"], "work")
container.create_container()
signature = generate_container_sas(
    ACCOUNT, "work", account_key=KEY, expiry=datetime.now(UTC) + timedelta(hours=1),
    permission=ContainerSasPermissions(read=True, write=True, create=True, list=True, add=True),
)  # fmt: skip
base = f"https://{ACCOUNT}.blob.core.windows.net/work"
for name, text in ((".command.run", RUN), (".command.sh", SCRIPT)):
    container.upload_blob(f"ab/cd12/{name}", text)

credential = AzureNamedKeyCredential(env["AZURE_BATCH_ACCOUNT"], env["AZURE_BATCH_ACCESS_KEY"])
client = BatchClient(env["AZURE_BATCH_ENDPOINT"], credential)
image = next(
    one for one in client.list_supported_images()
    if (one.node_agent_sku_id, one.os_type, one.verification_type)
    == ("batch.node.ubuntu 24.04", models.OSType.LINUX, models.ImageVerificationType.VERIFIED)
    and (one.image_reference.publisher, one.image_reference.offer)
    == ("microsoft-dsvm", "ubuntu-hpc")
)  # fmt: skip
try:
    client.get_pool("nf-pool-1-Standard_D2s_v3")
    raise AssertionError("there is no such pool yet")
except ResourceNotFoundError:
    pass
docker = models.BatchContainerConfiguration(type=models.ContainerType.DOCKER_COMPATIBLE)
client.create_pool(models.BatchPoolCreateOptions(
    id="nf-pool-1-Standard_D2s_v3", vm_size="Standard_D2s_v3", task_slots_per_node=2,
    virtual_machine_configuration=models.VirtualMachineConfiguration(
        image_reference=image.image_reference, node_agent_sku_id=image.node_agent_sku_id,
        container_configuration=docker,
    ),
    enable_auto_scale=True, auto_scale_evaluation_interval=timedelta(minutes=5),
    auto_scale_formula=FORMULA.format(created=datetime.now(UTC).isoformat()),
))  # fmt: skip
client.create_job(models.BatchJobCreateOptions(
    id="job-1-hello", pool_info=models.BatchPoolInfo(pool_id="nf-pool-1-Standard_D2s_v3")
))  # fmt: skip


def output(name: str) -> models.OutputFile:
    place = models.OutputFileBlobContainerDestination(
        container_url=f"{base}?{signature}", path=f"ab/cd12/{name}"
    )
    when = models.OutputFileUploadConfiguration(
        upload_condition=models.OutputFileUploadCondition.TASK_COMPLETION
    )
    return models.OutputFile(
        file_pattern=name, upload_options=when,
        destination=models.OutputFileDestination(container=place),
    )  # fmt: skip


identity = models.AutoUserSpecification(scope="task", elevation_level="nonadmin")
settings = models.BatchTaskContainerSettings(
    image_name="ubuntu", container_run_options="-v /etc/ssl/certs:/etc/ssl/certs:ro "
)
client.create_task("job-1-hello", models.BatchTaskCreateOptions(
    id="nf-abcd12", command_line="sh -c 'bash .command.run 2>&1 | tee .command.log'",
    user_identity=models.UserIdentity(auto_user=identity), required_slots=1,
    constraints=models.BatchTaskConstraints(max_wall_clock_time=timedelta(minutes=10)),
    resource_files=[
        models.ResourceFile(http_url=f"{base}/ab/cd12/{name}?{signature}", file_path=name)
        for name in (".command.run", ".command.sh")
    ],
    output_files=[output(".exitcode"), output(".command.log")],
    container_settings=settings,
))  # fmt: skip
while (task := client.get_task("job-1-hello", "nf-abcd12")).state != "completed":
    time.sleep(0.2)
assert task.execution_info.result == "success", task.execution_info.failure_info
print(container.download_blob("ab/cd12/.exitcode").readall().decode().strip())
print(container.download_blob("ab/cd12/.command.log").readall().decode().strip())
client.delete_task("job-1-hello", "nf-abcd12")
job = client.get_job("job-1-hello")
client.update_job("job-1-hello", models.BatchJobUpdateOptions(
    all_tasks_complete_mode="terminatejob", pool_info=job.pool_info
))  # fmt: skip
assert client.get_job("job-1-hello").all_tasks_complete_mode == "terminatejob"
client.begin_delete_job("job-1-hello", polling_interval=0.2).result()
client.begin_delete_pool("nf-pool-1-Standard_D2s_v3", polling_interval=0.2).result()
container.close()
client.close()
