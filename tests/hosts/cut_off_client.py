"""A client on a host of its own, such as a notebook whose lid is closed for a while."""

from __future__ import annotations

import subprocess
import sys
import time

from hosts.network import Host

SOON = 90
CLIENT = """
import sys, time
import batchlab as bl
lab = bl.Lab(sys.argv[1])
lab.create_pool("p", target_dedicated_nodes=1).nodes.wait("idle", timeout=60)
print("up", flush=True)
input()
began = time.monotonic()
print(len(lab.pools), "pool after", round(time.monotonic() - began, 1), "s", flush=True)
lab.close()
"""


def said_after_loss(host: Host, address: str, *, seconds: float) -> str:
    """Cut a client with a pool off; what it says of its pools when the network is back.

    Parameters
    ----------
    host : Host
        Where the client is.
    address : str
        The scheduler, which has a worker.
    seconds : float
        How long the loss lasts.
    """
    with subprocess.Popen(
        ["ip", "netns", "exec", host.name, sys.executable, "-c", CLIENT, address],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        with host.partition():
            time.sleep(seconds)
        answer, _ = process.communicate("\n", timeout=SOON)
    return answer.strip()
