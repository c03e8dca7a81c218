"""Kills the parts of durable labs at random moments, and counts what they lose.

    python tests/chaos/kills.py --rounds 100 --seed 1 [--nodes light|processes|cluster]

In each round a part is killed (SIGKILL): the process of the lab, a worker, a nanny, a watchdog, on
a cluster also the scheduler. Two of three kills come amid something: while a lab resumes, while
nodes prepare for a job, while a task uploads its results, while nodes release a job. The others
come at any moment. One of three times two parts are killed at once. Then whatever is missing is
started again. At the end the lab lives to its end, and everything that it ever acknowledged is
compared with what is there:

lost ....... requests or completions that were acknowledged and are not there
doubled .... tasks that ran again after their completion had been acknowledged
failed ..... tasks that did not succeed, used up a retry, or whose results are not all there
left ....... processes and folders that remain
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

LIFE = str(Path(__file__).with_name("life.py"))
SUCCESS = ["completed", "0", "0", "10"]
"""State, exit code, retries and uploaded files of a task."""
END_S = 240.0
START_S = 60.0
MOMENT_S = 20.0
MARKS = {"preparation": "*-preparing", "upload": "*-t?", "release": "*-releasing"}
"""The files that grow when a moment begins."""
MOMENTS = ["resume", *MARKS, "any", "any"]


class Life:
    """A process that works with the lab, and what it has said."""

    def __init__(self, options: dict[str, Any], environment: dict[str, str], log: Path) -> None:
        self.said: list[list[str]] = []
        self.news = threading.Condition()
        with log.open("a") as file:
            self.process = subprocess.Popen(
                [sys.executable, LIFE, json.dumps(options)], stdout=subprocess.PIPE, stderr=file,
                text=True, env=environment, start_new_session=True,
            )  # fmt: skip
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):
                with self.news:
                    self.said.append(line.split())
                    self.news.notify()

    def await_phase(self, name: str, seconds: float) -> bool:
        """Whether a phase begins before some time is over."""
        with self.news:
            return self.news.wait_for(lambda: ["phase", name] in self.said, seconds)

    def end(self) -> list[list[str]]:
        """Wait for its end; return what it said."""
        self.process.wait()
        self.reader.join()
        return self.said


class Cluster:
    """A scheduler on a fixed port, and two workers with nannies."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.folder, self.environment = folder, environment
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self.outlived: list[subprocess.Popen[bytes]] = []

    def _dask(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "dask.log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments, "--no-dashboard"], stdout=log,
                stderr=log, env=self.environment, cwd=self.folder, start_new_session=True,
            )  # fmt: skip

    def restore(self, *, outlived: bool = False) -> None:
        """Start what is missing; workers may outlive their scheduler, beside new ones."""
        if self.scheduler is None or self.scheduler.poll() is not None:
            for worker in self.workers:
                if not outlived:
                    kill_tree(worker.pid)
                    worker.wait()
            self.outlived += self.workers
            self.workers = []
            self.scheduler = self._dask(
                "scheduler", "--host", "127.0.0.1", "--port", str(self.port)
            )
            self._await_scheduler()
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < 2:
            self.workers.append(
                self._dask("worker", self.address, "--nthreads", "2", "--host", "127.0.0.1")
            )

    def _await_scheduler(self) -> None:
        """Wait until something listens: a lab is not attached to what does not run."""
        end = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            assert time.monotonic() < end, "the scheduler does not come up"
            time.sleep(0.05)

    def close(self) -> None:
        for process in (*self.workers, *self.outlived, self.scheduler):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    kill_tree(process.pid)
                    process.wait()


def free_port() -> int:
    """A free port that no connection is given while the scheduler is away (those are higher)."""
    while True:
        port = random.SystemRandom().randrange(10000, 32768)
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


def kill_tree(pid: int) -> None:
    try:
        process = psutil.Process(pid)
        family = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for each in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()


def parts(life: Life, cluster: Cluster | None) -> dict[str, list[int]]:
    """What can be killed now, by what it is."""
    found: dict[str, list[int]] = {"lab": [life.process.pid]}
    roots = [life.process.pid]
    if cluster is not None:
        assert cluster.scheduler is not None
        found = {"client": [life.process.pid], "scheduler": [cluster.scheduler.pid]}
        found["nanny"] = [worker.pid for worker in cluster.workers]
        roots = [cluster.scheduler.pid, *found["nanny"]]
    for root in roots:
        try:
            family = psutil.Process(root).children(recursive=True)
        except psutil.NoSuchProcess:
            continue
        for process in family:
            try:
                line, parent = " ".join(process.cmdline()), process.ppid()
            except psutil.Error:
                continue
            if "watchdog" in line:
                found.setdefault("watchdog", []).append(process.pid)
            elif "multiprocessing" in line:
                server = parent in roots  # it, or the tracker; workers are their children
                found.setdefault("forkserver" if server else "worker", []).append(process.pid)
            elif "batchlab.drivers.snapshots" in line:
                found.setdefault("compaction", []).append(process.pid)
    return found


class Trial:
    """A lab, and all that was done to it."""

    def __init__(self, nodes: str, rounds: int, seed: int, folder: Path) -> None:
        self.draw = random.Random(seed)
        self.nodes, self.rounds, self.folder = nodes, rounds, folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        (folder / "runs").mkdir()
        self.environment = {**os.environ, "TMPDIR": str(self.temporary)}
        self.cluster = Cluster(folder, self.environment) if nodes == "cluster" else None
        self.parts: Counter[str] = Counter()
        self.moments: Counter[str] = Counter()
        self.said: list[list[str]] = []
        self.enough = folder / "enough"
        """When it exists, no further job begins."""
        self.options = {
            "nodes": nodes, "journal": str(folder / "lab"), "runs": str(folder / "runs"),
            "address": self.cluster.address if self.cluster else "", "enough": str(self.enough),
        }  # fmt: skip

    def run(self) -> dict[str, Any]:
        life: Life | None = None
        for _ in range(self.rounds):
            moment = self.draw.choice(MOMENTS)
            if moment == "resume" and life is not None:
                self._kill_life(life)
            if life is None or life.process.poll() is not None:
                self._take(life)
                life = self._live()
            self._kill(life, moment)
        assert life is not None
        self._kill_life(life)
        self._take(life)
        self.enough.touch()
        last = self._live()
        try:
            last.process.wait(END_S)
            ended = last.process.returncode == 0
        except subprocess.TimeoutExpired:
            ended = False
            last.process.kill()
        self._take(last)
        if self.cluster is not None:
            self.cluster.close()
        return {"ended": ended, **self._count(), "kills": self.parts.total(),
                "parts": dict(self.parts), "moments": dict(self.moments)}  # fmt: skip

    def _live(self) -> Life:
        if self.cluster is not None:
            self.cluster.restore()
        return Life(self.options, self.environment, self.folder / "life.log")

    def _kill_life(self, life: Life) -> None:
        if life.process.poll() is None:
            life.process.kill()
            life.process.wait()
            self._note("client" if self.cluster else "lab", "any")

    def _note(self, part: str, moment: str) -> None:
        self.parts[part] += 1
        self.moments[moment] += 1

    def _kill(self, life: Life, moment: str) -> None:
        met = self._await(life, moment)
        if life.process.poll() is not None:
            return
        for _ in range(self.draw.choice([1, 1, 2])):
            targets = parts(life, self.cluster)
            kind = self.draw.choice(sorted(targets))
            with contextlib.suppress(psutil.NoSuchProcess):
                target = psutil.Process(self.draw.choice(targets[kind]))
                if target.status() != psutil.STATUS_ZOMBIE:
                    target.kill()
                    self._note(kind, moment if met else "any")
            if kind == "scheduler":
                life.process.kill()  # it would wait for its scheduler
                life.process.wait()
        if self.cluster is not None:
            self.cluster.restore(outlived=self.draw.random() < 0.5)

    def _await(self, life: Life, moment: str) -> bool:
        """Wait until just after a moment begins; return whether it began."""
        if moment == "any":
            time.sleep(self.draw.uniform(0, 4))
            return True
        if moment == "resume":
            met = life.await_phase("resume", MOMENT_S)
        else:
            begun = self._sizes(moment)
            end = time.monotonic() + MOMENT_S
            while not (met := self._sizes(moment) > begun) and time.monotonic() < end:
                time.sleep(0.01)
        time.sleep(self.draw.uniform(0, 0.2))
        return met

    def _sizes(self, moment: str) -> int:
        """How much the scripts have written that say when a moment begins."""
        return sum(path.stat().st_size for path in (self.folder / "runs").glob(MARKS[moment]))

    def _take(self, life: Life | None) -> None:
        if life is not None:
            self.said += life.end()

    def _count(self) -> dict[str, Any]:
        found = {(word[1], word[2]): word[3:] for word in self.said if word[0] == "found"}
        asked = {(w[1], w[2]) for w in self.said if w[0] == "asked" and w[2] not in ("-", "end")}
        done: dict[tuple[str, str], int] = {}
        for word in self.said:
            if word[0] == "done" and word[2] != "end":
                done.setdefault((word[1], word[2]), int(word[3]))
        runs = self.folder / "runs"
        times = {key: len((runs / f"{key[0]}-{key[1]}").read_text().split()) for key in found}
        return {
            "tasks": len(found),
            "lost": sorted(map(str, (asked | done.keys()) - found.keys())),
            "doubled": sorted(str(key) for key, count in done.items() if times.get(key) != count),
            "failed": [str(key) for key, facts in found.items() if facts != SUCCESS],
            "left": self._left(),
        }

    def _left(self) -> list[str]:
        end = time.monotonic() + 60  # watchdogs keep folders for half a minute
        while True:
            left = [path.name for path in self.temporary.glob("batchlab-*")]
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error):
                    root = process.environ().get("AZ_BATCH_NODE_ROOT_DIR", "")
                    if root.startswith(str(self.temporary)):
                        left.append(f"{process.pid} {process.name()}")
            if not left or time.monotonic() > end:
                return left
            time.sleep(0.5)


def trial(nodes: str, rounds: int, seed: int) -> dict[str, Any]:
    """Kill parts of a lab in some rounds; return the counts."""
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        result = Trial(nodes, rounds, seed, Path(folder)).run()
        if not result["ended"]:
            for log in Path(folder).glob("*.log"):
                print(log.name, log.read_text()[-6000:], sep="\n", file=sys.stderr)
        return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill the parts of durable labs.")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--nodes", choices=["light", "processes", "cluster"], action="append")
    options = parser.parse_args()
    bad = False
    for nodes in options.nodes or ["light", "processes", "cluster"]:
        result = trial(nodes, options.rounds, options.seed)
        print(nodes, json.dumps(result), flush=True)
        bad |= not result["ended"] or any(result[k] for k in ("lost", "doubled", "failed", "left"))
    sys.exit(bad)


if __name__ == "__main__":
    main()
