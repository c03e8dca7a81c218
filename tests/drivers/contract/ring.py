"""What the nodes of a multi-instance task run: each serves its id, the primary gathers them all.

``serve`` leaves a server running on the node's own address and returns when it can be reached;
``gather`` asks the server of each node that the environment names.
"""

import os
import socket
import subprocess
import sys
import time

PORT = int(os.environ["WATASK_PORTRANGE_LOW"]) + 1


def own_address() -> str:
    """The one of the hosts where a task of this node, and of no other, may listen."""
    return os.environ["RING_ADDRESS"]


def serve() -> None:
    for host in os.environ["AZ_BATCH_HOST_LIST"].split(","):
        pass


if __name__ == "__main__":
    sys.exit(0)
