"""The asyncio client of the SDK against a lab that is served."""

from __future__ import annotations

import asyncio
from typing import Any

from azure.batch import models as m
from azure.batch.aio import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

import batchlab as bl


async def quick_start(endpoint: Any) -> list[bytes]:
    credential = AzureNamedKeyCredential(endpoint.account, endpoint.key)
    async with BatchClient(endpoint=endpoint.url, credential=credential) as client:
        await client.create_pool(
            m.BatchPoolCreateOptions(id="p", vm_size="small", target_dedicated_nodes=1)
        )
        await client.create_job(
            m.BatchJobCreateOptions(id="j", pool_info=m.BatchPoolInfo(pool_id="p"))
        )
        tasks = [
            m.BatchTaskCreateOptions(id=f"t{n}", command_line=f"/bin/sh -c 'echo {n}'")
            for n in range(150)
        ]
        await client.create_tasks("j", tasks)
        states = {"active"}
        while states != {"completed"}:
            listed = client.list_tasks("j", select=["id", "state"], max_results=40)
            states = {task.state async for task in listed}

        async def output(task_id: str) -> bytes:
            stream = await client.download_task_file("j", task_id, "stdout.txt")
            return b"".join([piece async for piece in stream])

        # 200 requests side by side: each gets its own answer.
        outputs = await asyncio.gather(*(output(f"t{n % 150}") for n in range(200)))
        await (await client.begin_delete_job("j", polling_interval=0.05)).result()
        return list(outputs)


def test_asyncio_client_runs_its_quick_start() -> None:
    with bl.SimulatedLab(boot="1s") as lab, lab.serve(speed=60.0) as endpoint:
        outputs = asyncio.run(asyncio.wait_for(quick_start(endpoint), 100))
    assert outputs == [b"%d\n" % (n % 150) for n in range(200)]
