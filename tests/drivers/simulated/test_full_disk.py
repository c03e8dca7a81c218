"""A node whose disk is full is unusable until something on it is deleted."""

import pytest

import batchlab as bl
from batchlab.drivers.simulated.disk import Disk

GB = 1 << 30
FILM = "/bin/sh -c 'fallocate -l 55G film; sleep 60'"  # four of them fill a small node


@pytest.fixture(name="lab")
def simulated():
    with bl.SimulatedLab() as opened:
        yield opened


def one_node(lab, **more):
    pool = lab.create_pool("p", target_dedicated_nodes=1, **more)
    pool.nodes.wait("idle")
    return next(iter(pool.nodes.values()))


def filled(lab, count=6):
    node = one_node(lab)
    job = lab.create_job("j", "p")
    job.create_tasks([FILM] * count)
    lab.advance("20m")
    return node, job


def test_node_is_unusable_when_its_disk_is_full_and_its_tasks_wait(lab):
    node, job = filled(lab)
    assert (node.state, job.counts.succeeded, job.counts.active) == ("unusable", 4, 2)
    (error,) = node.errors
    assert error.code == "DiskFull"
    assert error.message.startswith("There is not enough disk space on the node")
    assert "DiskFull" in node.explain()[0]
    assert "out of disk space" in job.tasks["task006"].explain()[0]
    lines = [text for _, text in lab._connection.world.log(node.id).lines()]
    assert any(line.startswith("DiskFull: ") for line in lines)


def test_reboot_of_a_full_node_does_not_help_until_something_is_deleted(lab):
    node, job = filled(lab)
    node.reboot()
    lab.advance("20m")
    assert (node.state, job.counts.active) == ("unusable", 2)
    for name in ("task001", "task002"):
        job.tasks[name].delete()
    node.reboot()
    lab.advance("2m")
    assert node.state == "running"
    job.tasks.wait()
    assert job.counts.succeeded == 4
    lab.advance("5m")
    assert node.state == "unusable"  # full again


@pytest.mark.parametrize("cure", ["reimage", "delete job", "remove"])
def test_full_node_is_cured_by_what_frees_its_disk(lab, cure):
    node, job = filled(lab, 4)
    assert node.state == "unusable"
    if cure == "reimage":
        node.reimage()
    elif cure == "delete job":
        job.delete()
        node.reboot()
    else:
        lab.pools["p"].remove_nodes([node.id])
        lab.pools["p"].wait("steady")
        lab.pools["p"].resize(1)
    lab.advance("20m")
    assert [one.state for one in lab.pools["p"].nodes.values()] == ["idle"]


def test_files_that_are_not_kept_do_not_fill_a_node(lab):
    node = one_node(lab)
    job = lab.create_job("j", "p")
    kept = bl.TaskConstraints(retention_time="1s")
    job.create_tasks(
        [bl.TaskSpec(id=f"t{n}", command_line=FILM, constraints=kept) for n in range(12)]
    )
    job.tasks.wait()
    assert (node.state, job.counts.succeeded) == ("idle", 12)


def test_size_of_the_disk_is_that_of_the_vm_size(lab):
    one_node(lab, vm_size="medium")
    job = lab.create_job("j", "p")
    job.create_tasks([FILM] * 6)
    job.tasks.wait()
    lab.advance("10m")
    assert lab.pools["p"].node_counts == {"idle": 1}


def test_file_that_does_not_fit_fails_as_on_a_real_disk(lab):
    one_node(lab)
    line = "/bin/sh -c 'fallocate -l 200G a; fallocate -l 26G b || echo no > c; rm a; echo yes'"
    task = lab.create_job("j", "p").create_task("t", line)
    task.wait()
    assert task.stdout == "yes\n"
    assert task.stderr == "fallocate: fallocate failed: No space left on device\n"


def test_file_shows_its_size_and_reads_as_zeros(lab):
    one_node(lab)
    line = "/bin/sh -c 'echo abc > f; fallocate -l 1KB f; fallocate -l 2MiB g; sleep 1'"
    task = lab.create_job("j", "p").create_task("t", line)
    task.wait()
    sizes = {file.name: file.content_length for file in task.files.list("wd")}
    assert sizes == {"wd/f": 1000, "wd/g": 2 << 20}
    content = task.files.read("wd/f")
    assert (len(content), content[:6]) == (1000, b"abc\n\0\0")


def test_disk_gives_back_what_is_deleted_overwritten_moved_or_wiped():
    disk = Disk(10 * GB)
    disk.make_folder("/a/b", parents=True)
    disk.allocate("/a/b/c", 4 * GB, 0)
    disk.allocate("/a/b/c", 3 * GB, 0)  # it has more
    disk.allocate("/a/d", 5 * GB, 0)
    assert (disk.allocated, disk.is_full) == (9 * GB, False)
    disk.allocate("/a/e", GB, 0)
    assert disk.is_full
    with pytest.raises(OSError, match="No space left"):
        disk.write("/a/f", b"x", 0)
    with pytest.raises(OSError, match="No space left"):
        disk.allocate("/a/f", 1, 0)
    disk.write("/a/d", b"", 0, append=False)
    assert disk.allocated == 5 * GB
    disk.put("/a/e", b"", 0, 0o600)
    assert disk.allocated == 4 * GB
    disk.remove("/a/b", recursive=True)
    assert disk.allocated == 0
    disk.allocate("/a/e", GB, 0)
    disk.wipe()
    assert disk.allocated == 0


def test_container_fills_the_disk_of_its_node(lab):
    containers = bl.ContainerConfiguration(container_image_names=["film"])
    machine = bl.VirtualMachineConfiguration(container_configuration=containers)
    node = one_node(lab, virtual_machine_configuration=machine)
    job = lab.create_job("j", "p")
    inside = bl.TaskContainerSettings(image_name="film")
    job.create_tasks(
        [bl.TaskSpec(id=f"t{n}", command_line=FILM, container_settings=inside) for n in range(5)]
    )
    lab.advance("20m")
    assert (node.state, job.counts.succeeded) == ("unusable", 4)
