"""Tasks in containers: what they see, how they end, and that nothing is left of them."""

import os

import pytest

import batchlab as bl
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model.ids import RunId
from batchlab.core.model.secrets import FORGOTTEN
from batchlab.core.tasks.environment import PASSED_ON, NodeFacts
from batchlab.drivers.dask import engines
from batchlab.drivers.dask.abandoned_containers import NODE_LABEL
from batchlab.drivers.dask.containers import AZURE_ROOT, ContainedCommand, NodeContainers
from batchlab.drivers.launches import LaunchFailed
from helpers.engines import fake_engine, one_job
from helpers.waiting import until


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """The folder of an engine that is the first on the PATH."""
    fake_engine(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(engines, "_found", {})
    return tmp_path


# -- the command ----------------------------------------------------------------------------------


def command(fake, *, inherited=(), environment=(), user=None, **settings):
    root = fake / "lab" / "node"
    for name in ("workitems/j/job-1/t/wd", "volatile", "shared"):
        (root / name).mkdir(parents=True, exist_ok=True)
    containers = NodeContainers("podman", str(root), dict(inherited))
    start_run = StartRun(
        run_id=RunId("j", "t", "node", 1), kind="task", pool_id="p", command_line="x",
        directory="workitems/j/job-1/t", environment=dict(environment),
        container=bl.TaskContainerSettings(image_name="i", **settings),
    )  # fmt: skip
    facts = NodeFacts(account_name="a", account_url="u", node_id="node", root_directory=str(root))
    made = ContainedCommand(containers, start_run, facts, ["echo", "a b"], user)
    return str(root), made


def values_of(words, option):
    return [words[at + 1] for at, word in enumerate(words) if word == option]


def test_container_sees_the_node_at_its_own_paths_and_at_those_of_azure(fake):
    root, made = command(fake)
    assert made.words[-3:] == ["i", "echo", "a b"]
    assert values_of(made.words, "--volume") == [f"{root}:{root}:rw", f"{root}:{AZURE_ROOT}:rw"]
    assert values_of(made.words, "--workdir") == [f"{root}/workitems/j/job-1/t/wd"]
    assert values_of(made.words, "--user") == ["0:0"]
    assert f"{NODE_LABEL}={root}" in values_of(made.words, "--label")


def test_mounts_are_those_that_are_named(fake):
    mount = bl.ContainerHostBatchBindMountEntry(source="Shared", is_read_only=True)
    root, made = command(fake, container_host_batch_bind_mounts=[mount, "Task", "JobPrep"])
    shared, task = f"{root}/shared", f"{root}/workitems/j/job-1/t"
    assert values_of(made.words, "--volume")[::2] == [f"{shared}:{shared}:ro", f"{task}:{task}:rw"]
    root, made = command(fake, container_host_batch_bind_mounts=[])
    assert not values_of(made.words, "--volume")
    assert values_of(made.words, "--tmpfs") == values_of(made.words, "--workdir")


def test_working_directory_can_be_that_of_the_image(fake):
    _, made = command(fake, working_directory="containerImageDefault")
    assert not values_of(made.words, "--workdir")


def test_values_of_variables_are_in_no_command_line_unless_the_engine_would_obey_them(fake):
    given = {"TOKEN": "hidden", "PATH": "/image/bin", "DOCKER_HOST": "h", "LANG": "x"}
    _, made = command(fake, inherited={"PATH": "/bin", "LANG": "y"}, environment=given)
    named = values_of(made.words, "--env")
    assert "TOKEN" in named
    assert {"PATH=/image/bin", "DOCKER_HOST=h", "LANG=x"} < set(named)
    assert made.environment["TOKEN"] == "hidden"
    assert made.environment["PATH"] == "/bin"
    assert "DOCKER_HOST" not in made.environment


def test_isolated_user_is_the_user_inside(fake):
    _, made = command(fake, user=(7001, 7000))
    assert values_of(made.words, "--user") == ["7001:7000"]


def test_container_shares_the_network_that_its_node_has_services_on(fake):
    bundle = fake / "bundle.pem"
    bundle.touch()
    inherited = {"SSL_CERT_FILE": str(bundle), "IDENTITY_HEADER": "hidden", "OTHER": "x",
                 "HTTPS_PROXY": "http://127.0.0.1:1", "MINE": "node",
                 PASSED_ON: "SSL_CERT_FILE IDENTITY_HEADER HTTPS_PROXY MINE NONE"}  # fmt: skip
    _, made = command(fake, inherited=inherited, environment={"MINE": "task"})
    assert values_of(made.words, "--network") == ["host"]
    assert f"{bundle}:{bundle}:ro" in values_of(made.words, "--volume")
    named = set(values_of(made.words, "--env"))
    assert {f"SSL_CERT_FILE={bundle}", "IDENTITY_HEADER", "HTTPS_PROXY=http://127.0.0.1:1"} < named
    assert "OTHER" not in named
    assert made.environment["IDENTITY_HEADER"] == "hidden"
    assert made.environment["MINE"] == "task"
    assert "HTTPS_PROXY" not in made.environment, "the engine itself pulls from anywhere"


@pytest.mark.parametrize("options", ["--network none", "--net=bridge"])
def test_container_with_a_network_of_its_own_has_no_variables_for_another(fake, options):
    inherited = {"HTTPS_PROXY": "http://127.0.0.1:1", PASSED_ON: "HTTPS_PROXY"}
    _, made = command(fake, inherited=inherited, container_run_options=options)
    assert "host" not in made.words
    assert "HTTPS_PROXY=http://127.0.0.1:1" not in made.words


@pytest.mark.parametrize("options", ["-d", "-itd", "--detach", "--cidfile x", "--a 'b"])
@pytest.mark.code("ContainerInvalidSettings")
def test_options_that_would_take_a_container_away_are_refused(fake, options):
    with pytest.raises(LaunchFailed) as refused:
        command(fake, container_run_options=options)
    assert refused.value.failure.code == "ContainerInvalidSettings"


def test_options_come_before_the_image(fake):
    _, made = command(fake, container_run_options="--rm -v '/a b:/c'")
    assert made.words[-6:-3] == ["--rm", "-v", "/a b:/c"]


# -- on a node with an engine that runs commands as they are --------------------------------------


@pytest.fixture
def lab(fake):
    with bl.Lab(containers="podman") as lab:
        yield lab


def ended(lab, command_line="true", image="i", **settings):
    """What became of the only task of a lab."""
    job = one_job(lab)
    task = job.create_task(
        "t0", command_line,
        container_settings=bl.TaskContainerSettings(image_name=image, **settings),
    )  # fmt: skip
    job.tasks.wait(timeout=30)
    return task


def test_missing_image_is_pulled_once(lab, fake):
    task = ended(lab, "sh -c 'echo $AZ_BATCH_TASK_ID; exit 3'")
    assert (task.exit_code, task.stdout) == (3, "t0\n")
    assert task.container_info.container_id == "c0ffee"
    assert task.container_info.state == "exited"
    lab.jobs["j"].create_task("t1", "", container_settings="i")
    lab.jobs["j"].tasks.wait(timeout=30)
    assert lab.jobs["j"].tasks["t1"].stdout == "entry\n"
    assert (fake / "calls").read_text().count("\npull ") == 1


@pytest.mark.parametrize(
    ("command_line", "image", "settings", "code"),
    [
        ("true", "no-image", {}, "ContainerInvalidImage"),
        ("true", "no-image", {"registry": bl.ContainerRegistryReference(username="u")},
         "ContainerInvalidRegistry"),
        ("true", "i", {"container_run_options": "--bad"}, "ContainerInvalidSettings"),
        ("true", "i", {"container_run_options": "--no-tun"}, "CommandLaunchFailed"),
        ("nosuch", "i", {}, "CommandProgramNotFound"),
    ],
)  # fmt: skip
@pytest.mark.code("ContainerInvalidImage", "ContainerInvalidRegistry", "ContainerInvalidSettings")
def test_container_that_never_ran_has_azures_code(lab, command_line, image, settings, code):
    task = ended(lab, command_line, image, **settings)
    assert task.exit_code is None
    assert (task.failure_info.code, task.failure_info.category) == (code, "UserError")
    assert task.failure_info.details["Message"]
    assert code in str(task.explain())


def test_node_without_an_engine_serves_other_tasks(fake):
    (fake / "broken").touch()
    with bl.Lab(containers="podman") as lab:
        task = ended(lab)
        assert task.failure_info.code == "ContainerPoolNotSupported"
        assert "install podman" in task.failure_info.details["Message"]
        assert "install podman" in str(lab.pools["p"].explain())
        lab.jobs["j"].create_task("t1", "true")
        lab.jobs["j"].tasks.wait(timeout=30)
        assert lab.jobs["j"].tasks["t1"].exit_code == 0


def test_function_in_a_container_is_refused(lab):
    job = one_job(lab)
    with pytest.raises(bl.InvalidRequest, match=r"container_settings.* Python of its node") as no:
        job.submit(len, "abc", container_settings="i")
    assert no.value.code == "InvalidPropertyValue"
    assert list(job.tasks) == []


def test_password_that_was_lost_with_its_lab_is_named(lab, fake):
    lost = bl.ContainerRegistryReference(
        username="ann", password=FORGOTTEN, registry_server="own.io"
    )
    task = ended(lab, "true", "own.io-a", registry=lost)
    assert task.failure_info.code == "ContainerInvalidRegistry"
    assert "own.io was lost when the lab was opened again" in str(task.failure_info.details)
    assert "pull" not in (fake / "calls").read_text()


def test_container_is_shown_while_it_runs(lab, fake):
    job = one_job(lab)
    task = job.create_task("t", "sleep 60", container_settings="i")
    until(lambda: task.container_info)
    assert task.state == "running"
    assert task.container_info.state == "running"
    assert task.container_info.container_id == "c0ffee"


@pytest.mark.parametrize(("image", "state"), [("i", "idle"), ("no-image", "unusable")])
def test_pool_has_its_images_before_its_nodes_take_tasks(lab, fake, image, state):
    pool = lab.create_pool(
        "p", target_dedicated_nodes=1,
        virtual_machine_configuration=bl.ContainerConfiguration(container_image_names=[image]),
    )  # fmt: skip
    (node,) = until(lambda: [node for node in pool.nodes.values() if node.state == state])
    assert f"pull --quiet {image}" in (fake / "calls").read_text()
    if state == "unusable":
        assert node.errors[0].code == "ContainerInvalidImage"
        assert "no-image" in str(pool.explain())
