"""Tasks in the containers of a real Podman: what they see, and that nothing is left of them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import batchlab as bl
from batchlab.drivers.dask import engines
from batchlab.drivers.dask.abandoned_containers import NODE_LABEL
from helpers.dask_labs import sleepers
from helpers.engines import ONE, containers_of, one_job, real_image
from helpers.waiting import until

KILL_ME = """
import batchlab as bl, sys
if __name__ == "__main__":
    lab = bl.Lab(processes=True, root=sys.argv[1])
    pool = lab.create_pool("p", target_dedicated_nodes=1,
        virtual_machine_configuration=bl.ContainerConfiguration())
    lab.create_job("j", pool).create_task("t", "sleep 2222", container_settings=sys.argv[2])
    sys.stdin.read()
"""


def roots_with_containers(place):
    """The nodes below a folder that have containers."""
    listing = subprocess.run(
        ["podman", "ps", "-a", "--format", f'{{{{index .Labels "{NODE_LABEL}"}}}}'],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [line for line in listing.splitlines() if line.startswith(str(place))]


@pytest.mark.ci("container")
@pytest.mark.timeout(300)
def test_tasks_run_in_podman(tmp_path):
    image = real_image()
    configuration = bl.ContainerConfiguration(container_image_names=[image])
    with bl.Lab(containers="podman", root=tmp_path) as lab:
        job = one_job(lab, configuration)

        def add(name, command_line, *, limit=None, **settings):
            return job.create_task(
                name, command_line, environment_settings={"A": "x\ny"},
                constraints=bl.TaskConstraints(max_wall_clock_time=limit),
                container_settings=bl.TaskContainerSettings(image_name=image, **settings),
            )  # fmt: skip

        script = 'echo "$A" "$AZ_BATCH_TASK_ID"; pwd; ls /mnt/batch/tasks; echo err >&2; exit 125'
        ran = add("ran", f"/bin/sh -c '{script}'")
        entry, missing = add("entry", ""), add("missing", "nosuch")
        bad = add("bad", "true", container_run_options="--bad")
        alone = add("alone", "pwd", container_host_batch_bind_mounts=[])
        stubborn = "/bin/sh -c 'trap \"\" TERM INT; sleep 3333'"
        late, bare = add("late", stubborn, limit="1s"), add("bare", "env -i /bin/sleep 3334")
        until(lambda: bare.container_info)
        assert bare.container_info.state == "running"
        id_ = bare.container_info.container_id
        assert any(id_.startswith(found) for found in containers_of(engines.RUN_LABEL))
        bare.terminate()
        job.tasks.wait(timeout=200)
        assert ran.exit_code == 125
        lines = ran.stdout.splitlines()
        assert lines[:2] == ["x", "y ran"]
        assert lines[2].endswith("/ran/wd")
        assert "workitems" in lines
        assert ran.stderr == "err\n"
        assert (entry.exit_code, entry.stdout) == (0, "entry\n")
        assert missing.failure_info.code == "CommandProgramNotFound"
        assert bad.failure_info.code == "ContainerInvalidSettings"
        assert alone.stdout.endswith("/alone/wd\n")
        assert late.failure_info.code == bare.failure_info.code == "TaskEnded"
        assert roots_with_containers(tmp_path) == []
        assert len(bare.container_info.container_id) == 64
        assert bare.container_info.state == "exited"
        busy = add("busy", "/bin/sh -c 'while :; do :; done'")
        (node,) = lab.pools["p"].nodes.values()

        def shows_the_shell_inside():
            lab.pools["p"].measure()
            usage = node.usage  # the engine's program has more memory, and waits
            return usage and usage.cpu_percent > 5 and 0 < usage.memory_megabytes < 20

        until(shows_the_shell_inside)
        busy.terminate()
        add("left", stubborn)
        until(lambda: roots_with_containers(tmp_path))
    assert roots_with_containers(tmp_path) == []
    assert os.listdir(tmp_path) == []


@pytest.mark.ci("container")
@pytest.mark.timeout(300)
def test_users_and_several_nodes_in_podman(place):
    image = real_image()
    with bl.Lab(containers="podman", root=place, isolate_users=not os.geteuid()) as lab:
        pool = lab.create_pool(
            "p", target_dedicated_nodes=2, enable_inter_node_communication=True,
            virtual_machine_configuration=ONE,
        )  # fmt: skip
        job = lab.create_job("j", pool)
        identity = bl.AutoUserSpecification(elevation_level="admin")
        own = job.create_task("own", "/bin/sh -c 'touch x; ls -ln x'", container_settings=image)
        admin = job.create_task(
            "admin", "/bin/sh -c 'touch x; ls -ln x'", container_settings=image,
            user_identity=identity,
        )  # fmt: skip
        several = job.create_task(
            "several", "/bin/sh -c 'cat $AZ_BATCH_TASK_SHARED_DIR/x'", container_settings=image,
            multi_instance_settings=bl.MultiInstanceSettings(
                coordination_command_line="/bin/sh -c 'echo said > $AZ_BATCH_TASK_SHARED_DIR/x'",
                number_of_instances=2,
            ),
        )  # fmt: skip
        job.tasks.wait(timeout=200)
        if not os.geteuid():
            assert own.stdout.split()[2] not in ("0", str(os.geteuid()))
        assert admin.stdout.split()[2] == "0"
        assert (several.exit_code, several.stdout) == (0, "said\n")
        assert [one.container_info.state for one in several.subtasks] == ["exited"]
    assert roots_with_containers(place) == []


@pytest.mark.ci("container")
@pytest.mark.timeout(300)
def test_lab_is_reached_from_a_container(tmp_path):
    image = real_image()
    places = {"/lib", "/lib64", "/usr", "/etc", sys.base_prefix, sys.prefix,
              str(Path(bl.__file__).parents[1])}  # fmt: skip
    mounts = " ".join(f"-v {place}:{place}:ro" for place in places if os.path.isdir(place))
    code = "import batchlab; print(list(batchlab.Lab.current().jobs))"
    with bl.Lab(containers="podman", root=tmp_path) as lab:
        task = one_job(lab).create_task(
            "t", f"{sys.executable} -c '{code}'",
            container_settings=bl.TaskContainerSettings(
                image_name=image, container_run_options=mounts
            ),
        )  # fmt: skip
        task.wait(timeout=200)
        assert task.stdout == "['j']\n", task.stderr or task.failure_info


@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", [
    pytest.param("lab", marks=pytest.mark.ci("container")),
    pytest.param("node", marks=pytest.mark.slow),
])  # fmt: skip
def test_container_ends_whatever_is_killed(tmp_path, victim):
    image = real_image()
    script = tmp_path / "kill_me.py"
    script.write_text(KILL_ME)
    place = tmp_path / "place"
    place.mkdir()
    with subprocess.Popen([sys.executable, script, place, image], stdin=subprocess.PIPE) as lab:
        until(lambda: sleepers(2222), 120)
        (root,) = roots_with_containers(place)
        (container,) = containers_of(f"{NODE_LABEL}={root}")
        if victim == "node":
            os.kill(process_of_node(root), signal.SIGKILL)
            until(lambda: container not in containers_of(f"{NODE_LABEL}={root}"))
        lab.kill()
    until(lambda: not roots_with_containers(place) and not sleepers(2222))
    until(lambda: not os.listdir(place))


def process_of_node(root):
    """The worker on which a node is: the parent of what runs its container."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if b"--cidfile" in words and any(word.startswith(root.encode()) for word in words):
                return int(parent)
    raise AssertionError(f"no container of {root} is run")
