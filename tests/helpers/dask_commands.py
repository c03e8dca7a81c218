"""A Dask cluster of somebody else's: a scheduler and workers, each a command of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


class Commands:
    """A scheduler and workers, each a command of its own."""

    def __init__(
        self,
        folder: Path,
        python: Path | str = sys.executable,
        workers: tuple[str, ...] = ("alpha", "beta"),
    ) -> None:
        self.folder = folder
        self.python = python
        self.file = folder / "scheduler.json"
        self.started: list[subprocess.Popen[bytes]] = []
        self.logs: dict[int, Path] = {}
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                   "--scheduler-file", str(self.file))  # fmt: skip
        end = time.monotonic() + 60
        while not (self.file.exists() and self.file.read_text().endswith("}")):
            assert time.monotonic() < end, "the scheduler does not come up"
            time.sleep(0.02)
        for name in workers:
            self.worker(name)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "TMPDIR": str(self.folder)}
        path = self.folder / f"{arguments[0]}-{len(self.started)}.log"
        with path.open("w") as log:
            process = subprocess.Popen(
                [self.python, "-m", "dask", *arguments],
                cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.started.append(process)
        self.logs[process.pid] = path
        return process

    def log(self, process: subprocess.Popen[bytes]) -> Path:
        """The file with the output of a command."""
        return self.logs[process.pid]

    def worker(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        return self.start(
            "worker", "--scheduler-file", str(self.file), "--name", name, "--nthreads", "1",
            "--host", "127.0.0.1", "--no-dashboard", *options,
        )  # fmt: skip

    @property
    def address(self) -> str:
        return json.loads(self.file.read_text())["address"]

    def close(self) -> None:
        for process in reversed(self.started):  # at once some would never end
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
