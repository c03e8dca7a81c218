"""What formulas see of the nodes, in both worlds."""

import pytest

import batchlab as bl
from helpers.stories import LONG, SOON, only, pool_of, start

PICTURE = """
cpu = $CPUPercent.GetSample(1);
memory = $MemoryBytes.GetSample(1);
disk = $DiskBytes.GetSample(1);
seconds = $WallClockSeconds.GetSample(1);
read = $DiskReadBytes.GetSample(1); written = $DiskWriteBytes.GetSample(1);
reads = $DiskReadOps.GetSample(1); writes = $DiskWriteOps.GetSample(1);
incoming = $NetworkInBytes.GetSample(1); outgoing = $NetworkOutBytes.GetSample(1);
nodes = $SampleNodeCount.GetSample(1);
"""


@pytest.mark.processes
@pytest.mark.settings(sample_delay="0s", speed=30)
def test_formula_sees_what_the_nodes_use(world, lab):
    pool = pool_of(lab, 1)
    job = lab.create_job("j", pool)
    start(job, "/bin/sh -c 'while true; do :; done'" if world.name != "simulated" else LONG)
    pool.enable_auto_scale("x = 1;")
    seen = {}

    def busy():
        run = pool.evaluate_auto_scale(PICTURE)
        if run.error is None and all(run.variables.values()):
            seen.update({name: value[0] for name, value in run.variables.items()})
        return seen.get("cpu", 0) > 5

    world.until(busy)
    assert 5 < seen["cpu"] <= 100
    assert seen["memory"] > 0
    assert seen["seconds"] >= 0
    assert seen["nodes"] <= 1
    assert all(value >= 0 for value in seen.values())


@pytest.mark.processes
def test_pool_is_measured_when_somebody_asks(world, lab):
    pool = pool_of(lab, 2)
    assert {node.usage for node in pool.nodes.values()} == {None}
    pool.measure()
    world.until(lambda: all(node.usage is not None for node in pool.nodes.values()))
    node = only(list(pool.nodes.values())[:1])
    assert node.usage.memory_megabytes == 0
    assert node.usage.cpu_percent == 0
    assert "% CPU" in node._repr_html_()
    pool.delete()
    with pytest.raises((bl.Conflict, bl.NotFound)):
        pool.measure()
    pool.wait("deleted", timeout=SOON)
