import socket
import sys

import pytest
from distributed import LocalCluster

import batchlab as bl
from batchlab.drivers.dask.addresses import COUNT, LOW, Addresses

linux = pytest.mark.skipif(sys.platform != "linux", reason="one loopback address only")


@linux
def test_addresses_on_one_machine_are_each_nodes_own_and_can_be_bound():
    addresses = Addresses("lab")
    found = [addresses.ip_address(f"n{number}", "127.0.0.1") for number in range(300)]
    assert len({*found, "127.0.0.1"}) == 301
    assert addresses.ip_address("n7", "127.0.0.1") == found[7]
    for host in found[::50]:
        for port in addresses.port_range("n0", "127.0.0.1"):
            socket.create_server((host, port)).close()


@linux
def test_labs_of_one_machine_are_kept_apart():
    labs = [Addresses(f"lab {number}") for number in range(100)]
    assert len({lab.ip_address("n", "127.0.0.1") for lab in labs}) == 100


def test_addresses_shared_by_nodes_have_ports_that_do_not_overlap():
    addresses = Addresses("lab")
    ranges = [addresses.port_range(node, "10.0.0.4") for node in ("a", "b", "a", "c")]
    first, second, third = (LOW + number * COUNT for number in range(3))
    assert ranges == [
        (first, first + 99), (second, second + 99), (first, first + 99), (third, third + 99),
    ]  # fmt: skip
    assert addresses.ip_address("a", "10.0.0.4") == "10.0.0.4"
    assert addresses.port_range("d", "10.0.0.5") == ranges[0]
    addresses.give_back("a")
    assert addresses.port_range("d", "10.0.0.4") == ranges[0]


@linux
def test_nodes_on_somebody_elses_cluster_of_one_machine_can_talk():
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, protocol="tcp",
            dashboard_address=":0",
        ) as cluster,
        bl.Lab(cluster) as lab,
    ):  # fmt: skip
        pool = lab.create_pool("p", target_dedicated_nodes=2, enable_inter_node_communication=True)
        pool.nodes.wait("idle", timeout="1m")
        job = lab.create_job("j", pool)
        settings = bl.MultiInstanceSettings(
            number_of_instances=2, coordination_command_line="true"
        )
        script = "/bin/sh -c 'echo $AZ_BATCH_HOST_LIST $BATCHLAB_NODE_IP_ADDRESS'"
        task = job.create_task("m", script, multi_instance_settings=settings)
        task.wait(timeout="1m")
        hosts, own = task.stdout.split()
        assert hosts.split(",")[0] == own
        assert set(hosts.split(",")) == {node.ip_address for node in pool.nodes.values()}
        assert len(set(hosts.split(","))) == 2
