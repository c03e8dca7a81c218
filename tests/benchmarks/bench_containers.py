"""What a task in a container costs beside the engine's own `podman run`, in turns.

    python tests/benchmarks/bench_containers.py [runs]

Wants Podman with a static busybox (see `helpers.engines`); the ratio should stay below 1.2.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import batchlab as bl
from helpers.engines import real_image

RUNS = 20


def main(runs: int) -> None:
    image = real_image()
    plain_s, task_s = [], []
    with bl.Lab(containers="podman") as lab:
        configuration = bl.ContainerConfiguration(container_image_names=[image])
        pool = lab.create_pool(
            "p", target_dedicated_nodes=1, virtual_machine_configuration=configuration
        )
        job = lab.create_job("j", pool)
        job.create_task("first", "true", container_settings=image)
        job.tasks.wait()
        words = ["podman", "run", "--rm", "--ulimit", "nofile=1024:1024", "--ulimit",
                 "nproc=1000:1000", image, "true"]  # fmt: skip
        for number in range(runs):
            began = time.perf_counter()
            subprocess.run(words, check=True)
            plain_s.append(time.perf_counter() - began)
            began = time.perf_counter()
            job.create_task(f"t{number}", "true", container_settings=image).wait()
            task_s.append(time.perf_counter() - began)
    plain, task = statistics.median(plain_s), statistics.median(task_s)
    print(f"podman run {1000 * plain:.0f} ms, task {1000 * task:.0f} ms: ratio {task / plain:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
