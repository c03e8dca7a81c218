"""What a live display costs while 4,000 tasks end in a few seconds.

A kernel runs the same burst with a display and without, in turns. Goals: the display takes less
than a tenth of one core, slows the job by at most a twentieth, and sends at most 10 messages a
second. What it takes is the processor time of its own threads; times on a clock say little on a
machine that others use, so beside them stands the processor time of the whole kernel.
"""

from __future__ import annotations

import json
import os
import statistics
from typing import Any

from compare import fast_folder

ROUNDS = 5
TASKS = 4000
SETUP = f"""
import json, threading, time
import psutil
import batchlab as bl

OWN = ("batchlab-ui", "batchlab-ask", "batchlab-watch")

def own_time():
    ids = {{one.native_id for one in threading.enumerate() if one.name in OWN}}
    return sum(one.user_time + one.system_time
               for one in psutil.Process().threads() if one.id in ids)

def burst(show):
    with bl.Lab() as lab:
        pool = lab.create_pool("p", target_dedicated_nodes=4, task_slots_per_node=4)
        pool.nodes.wait()
        job = lab.create_job("j", pool)
        if show:
            view = lab.watch()
            display(view)
            view._hear(None, {{"type": "follow", "viewer": "a", "key": "k",
                              "question": {{"what": "why"}}}}, [])
            time.sleep(0.5)
        print("begin", flush=True)
        own, cpu, begin = own_time(), time.process_time(), time.perf_counter()
        job.create_tasks(["/bin/true"] * {TASKS})
        while job.counts.succeeded < {TASKS}:
            time.sleep(0.05)
        print(json.dumps({{"wall": time.perf_counter() - begin, "cpu": time.process_time() - cpu,
                          "own": own_time() - own}}))
"""


def main() -> None:
    from jupyter_client.manager import start_new_kernel

    os.environ["TMPDIR"] = fast_folder()  # the kernel's too
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        run(client, SETUP)
        run(client, "burst(False)")  # what a kernel does but once
        found: dict[bool, list[dict[str, float]]] = {True: [], False: []}
        for number in range(ROUNDS):
            for show in (True, False) if number % 2 else (False, True):
                found[show].append(run(client, f"burst({show})"))
                print(f"  display {show!s:5}: {found[show][-1]}", flush=True)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    print(f"\n{TASKS:,} tasks at once, with a live display and without")
    for show, name in ((False, "without"), (True, "with")):
        walls = [one["wall"] for one in found[show]]
        cpus = [one["cpu"] for one in found[show]]
        spread = f"[{min(walls):.2f} … {max(walls):.2f}]"
        print(
            f"  {name:8s} {statistics.median(walls):6.2f} s {spread}"
            f"   kernel's processor time {statistics.median(cpus):6.2f} s"
        )
    pairs = list(zip(found[True], found[False], strict=True))
    for name, what in (("wall", "slowdown"), ("cpu", "processor time")):
        ratio = statistics.median(mine[name] / other[name] for mine, other in pairs)
        print(f"  {what:16s} x {ratio:.3f}   (goal: 1.05)")
    share = statistics.median(one["own"] / one["wall"] for one in found[True])
    own = statistics.median(one["own"] for one in found[True])
    print(f"  the display's threads: {own:.2f} s, {share:.1%} of a core   (goal: 10 %)")
    rate = statistics.median(one["messages"] / one["wall"] for one in found[True])
    print(f"  messages {rate:.1f} a second   (goal: 10)")


def run(client: Any, code: str) -> dict[str, float]:
    """Run a cell; what it printed, and how many messages went to widgets from its begin on."""
    messages, printed = 0, ""

    def hear(message: dict[str, Any]) -> None:
        nonlocal messages, printed
        if message["msg_type"] == "comm_msg":
            messages += not printed.endswith("}\n")
        elif message["msg_type"] == "stream":
            printed += message["content"]["text"]
            if printed == "begin\n":
                messages, printed = 0, ""

    reply = client.execute_interactive(code, output_hook=hear, timeout=300)
    assert reply["content"]["status"] == "ok", reply["content"]
    said: dict[str, float] = json.loads(printed) if printed.startswith("{") else {}
    return {**said, "messages": messages}


if __name__ == "__main__":
    main()
