"""What the nodes of a multi-instance task run: each serves its id, the primary gathers them all.

``serve`` leaves a server listening on the node's own address and returns when it does;
``gather`` asks the server of each node that the environment names.
"""

import os
import socket
import sys

PORT = int(os.environ["WATASK_PORTRANGE_LOW"]) + 1
ADDRESS = os.environ["BATCHLAB_NODE_IP_ADDRESS"]


def serve():
    """Listen, then let a child go on alone: in a session of its own, as services do."""
    server = socket.create_server((ADDRESS, PORT))
    if os.fork():
        return
    os.setsid()
    while True:
        client, _ = server.accept()
        with client:
            client.sendall(os.environ["AZ_BATCH_NODE_ID"].encode())


def gather():
    """Ask every node for its id."""
    for host in os.environ["AZ_BATCH_HOST_LIST"].split(","):
        with socket.create_connection((host, PORT)) as node, node.makefile() as text:
            print(host, "is", text.read())


if __name__ == "__main__":
    {"serve": serve, "gather": gather}[sys.argv[1]]()
