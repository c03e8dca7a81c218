"""Application packages: unpacked for pools and tasks, shared, and not unpacked when unsafe."""

import pytest

import batchlab as bl
from helpers.archives import bomb, damaged, encrypted, zipped
from helpers.stories import SOON, only, pool_of, refused, run, sh


def variables(text):
    return dict(line.split("=", 1) for line in text.splitlines())


def app_of(lab, id="Blender", version="2.7-a", **files):  # noqa: A002
    """An application with one package."""
    application = lab.create_application(id)
    application.create_package(version, zipped(files or {"readme.txt": "two point seven"}))
    return application


def reading(path="readme.txt", name="Blender_2_7_a"):
    return sh(f"cat $AZ_BATCH_APP_PACKAGE_{name}/{path}")


@pytest.mark.processes
def test_package_of_a_pool_is_there_from_the_start_task_on(lab):
    application = app_of(lab)
    application.update(default_version="2.7-A")
    pool = pool_of(
        lab, application_package_references=[application, application.packages["2.7-a"]],
        start_task=reading(name="Blender"),
        )  # fmt: skip
    node = only(pool.nodes.values())
    assert node.files.text("startup/stdout.txt") == "two point seven"
    job = lab.create_job("j", pool, job_preparation_task=reading())
    shown, seen = run(job, reading(name="blender_2_7_a"), "env")
    assert shown.stdout == "two point seven"
    seen = variables(seen.stdout)
    folder = f"{seen['AZ_BATCH_NODE_ROOT_DIR']}/applications/Blender/2.7-a"
    assert {name: value for name, value in seen.items() if "APP_PACKAGE" in name} == {
        "AZ_BATCH_APP_PACKAGE_Blender": folder,
        "AZ_BATCH_APP_PACKAGE_blender": folder,
        "AZ_BATCH_APP_PACKAGE_Blender_2_7_a": folder,
        "AZ_BATCH_APP_PACKAGE_blender_2_7_a": folder,
    }
    row = only(job.preparations)
    assert row.job_preparation_task_execution_info.exit_code == 0


@pytest.mark.processes
def test_package_of_a_task_is_unpacked_once_for_all_tasks_that_want_it(lab):
    app_of(lab, version="1", **{"bin/count": "#!/bin/sh\nexit 0\n", "empty/": ""})
    job = lab.create_job("j", pool_of(lab, task_slots_per_node=4))
    mark = sh("echo x >> $AZ_BATCH_APP_PACKAGE_Blender_1/bin/count")
    job.create_tasks(
        [
            bl.TaskSpec(id=f"t{n}", command_line=mark, application_package_references=["blender"])
            for n in range(2)
        ]
    )
    job.tasks.wait(timeout=SOON)  # no default version
    assert [task.failure_info.code for task in job.tasks.values()] == [
        "ApplicationPackageError"
    ] * 2
    wanted = [bl.ApplicationPackageReference(application_id="BLENDER", version="1")]
    job.create_tasks(
        [
            bl.TaskSpec(id=f"w{n}", command_line=mark, application_package_references=wanted)
            for n in range(6)
        ]
    )
    job.tasks.wait(timeout=SOON)
    count = sh("cat $AZ_BATCH_APP_PACKAGE_blender_1/bin/count")
    last = job.create_task("last", count, application_package_references=wanted)
    last.wait(timeout=SOON)
    assert last.stdout == "#!/bin/sh\nexit 0\n" + "x\n" * 6
    assert "AZ_BATCH_APP_PACKAGE" not in only(run(job, "env")[-1:]).stdout


UNSAFE = {
    "leaves": lambda: zipped({"good.txt": "good", "../../evil.txt": "evil"}),
    "leaves-by-backslash": lambda: zipped({"good.txt": "good", "..\\..\\evil.txt": "evil"}),
    "absolute": lambda: zipped({"good.txt": "good", "/tmp/evil.txt": "evil"}),
    "drive": lambda: zipped({"C:\\evil.txt": "evil"}),
    "link": lambda: zipped({"good.txt": "good"}, link="etc"),
    "encrypted": encrypted,
    "damaged": damaged,
    "bomb": bomb,
    "nonsense": lambda: b"this is no zip",
    "empty": lambda: b"",
    "cut": lambda: zipped({"a": "b" * 1000})[:-30],
}
SAYS = {
    "leaves": "outside", "leaves-by-backslash": "outside", "absolute": "outside",
    "drive": "outside", "link": "link", "encrypted": "encrypted", "damaged": "damaged",
    "bomb": "grow", "nonsense": "not a zip", "empty": "not a zip", "cut": "not a zip",
}  # fmt: skip


@pytest.mark.code("ApplicationPackageError")
def test_package_that_cannot_be_unpacked_safely_fails_each_task_that_wants_it(lab):
    application = lab.create_application("app")
    pool = pool_of(lab)
    conditions = bl.ExitConditions(
        pre_processing_error=bl.ExitOptions(dependency_action="satisfy")
    )
    job = lab.create_job("j", pool, uses_task_dependencies=True)
    for name, make in UNSAFE.items():
        package = application.create_package(name, make())
        job.create_task(
            name, sh("exit 0"), application_package_references=[package],
            constraints=bl.TaskConstraints(max_task_retry_count=3), exit_conditions=conditions,
            )  # fmt: skip
    after = job.create_task("after", sh("exit 0"), depends_on=list(UNSAFE))
    job.tasks.wait(timeout=SOON)
    assert after.exit_code == 0
    for name, words in SAYS.items():
        task = job.tasks[name]
        assert (task.exit_code, task.retry_count) == (None, 0), name
        assert task.failure_info.code == "ApplicationPackageError"
        assert words in task.failure_info.details["Message"], name
    files = only(pool.nodes.values()).files
    left = [entry.name for entry in files.list("applications", recursive=True)]
    assert not [name for name in left if name.endswith(".txt")]
    assert [entry.name for entry in files.list("volatile")] == ["volatile/startup"]


@pytest.mark.processes
def test_package_of_a_pool_that_cannot_be_unpacked_leaves_the_node_unusable(lab):
    application = lab.create_application("app")
    package = application.create_package("1", zipped({"../x": "evil"}))
    pool = lab.create_pool("p", target_dedicated_nodes=1, application_package_references=[package])
    pool.nodes.wait("unusable", timeout=SOON)
    node = only(pool.nodes.values())
    assert only(node.errors).code == "ApplicationPackageError"
    assert "'../x'" in only(node.errors).message
    application.create_package("1", zipped({"x": "good"}))  # a reboot tries it again
    node.reboot()
    node.wait("idle", timeout=SOON)
    assert node.errors == ()
    job = lab.create_job("j", pool)
    assert only(run(job, sh("cat $AZ_BATCH_APP_PACKAGE_app_1/x"))).stdout == "good"
    pool.delete()
    pool.wait("deleted", timeout=SOON)


@pytest.mark.processes
def test_package_that_is_replaced_reaches_a_node_at_its_reboot_and_keeps_old_files(lab):
    application = lab.create_application("app")
    package = application.create_package("1", zipped({"a": "old", "d/b": "old", "c/x": "old"}))
    pool = pool_of(lab, application_package_references=[package])
    job = lab.create_job("j", pool)
    look = sh("cd $AZ_BATCH_APP_PACKAGE_app_1; cat a d/b c/x")
    assert only(run(job, look)).stdout == "oldoldold"
    application.create_package("1", zipped({"a": "new", "d/e": "new", "c/x": "new"}))
    assert run(job, look)[0].stdout == "oldoldold"
    node = only(pool.nodes.values())
    node.reboot()
    node.wait("idle", timeout=SOON)
    assert run(job, look)[0].stdout == "newoldnew"
    node.reimage()
    node.wait("idle", timeout=SOON)
    assert run(job, sh("cd $AZ_BATCH_APP_PACKAGE_app_1; test -e d/b || cat a"))[0].stdout == "new"


def test_package_that_a_node_has_outlives_its_deletion(lab):
    application = app_of(lab, id="app", version="1")
    package = application.packages["1"]
    pool = pool_of(lab, application_package_references=[package])
    package.delete()
    assert application.versions == ()
    job = lab.create_job("j", pool)
    assert only(run(job, reading(name="app_1"))).stdout == "two point seven"
    node = only(pool.nodes.values())
    node.reboot()
    node.wait("unusable", timeout=SOON)
    assert "no version '1'" in only(node.errors).message
    pool.update(application_package_references=[])
    node.reboot()
    node.wait("idle", timeout=SOON)


@pytest.mark.rule(103)
def test_references_of_a_pool_lead_somewhere(lab):
    application = app_of(lab)
    later = bl.ApplicationPackageReference(application_id="blender", version="9")
    for references in (["nosuch"], [application], [later]):
        with refused("InvalidApplicationPackageReferences"):
            lab.create_pool("p", application_package_references=references)
    application.update(default_version="2.7-a")
    pool = lab.create_pool("p", application_package_references=[application])
    with refused("InvalidApplicationPackageReferences"):
        pool.update(application_package_references=["nosuch"])
    assert only(pool.application_package_references).application_id == "blender"


@pytest.mark.rule(104)
def test_application_without_updates_takes_new_versions_only(lab):
    application = app_of(lab, version="1")
    application.update(allow_updates=False)
    with refused("OperationInvalidForCurrentState"):
        application.create_package("1", zipped({"a": "b"}))
    with refused("OperationInvalidForCurrentState"):
        application.packages["1"].delete()
    assert application.create_package("2", zipped({"a": "b"})).content_length > 50
    assert application.versions == ("1", "2")
    with refused("OperationInvalidForCurrentState"):
        application.delete()
    application.update(allow_updates=True, display_name="two", default_version="2")
    for package in list(application.packages.values()):
        package.delete()
    assert (application.display_name, application.default_version) == ("two", None)
    application.delete()
    assert list(lab.applications) == []
    with refused("ApplicationNotFound"):
        application.create_package("3", b"")


def test_job_manager_finds_its_package(lab):
    app_of(lab, id="app", version="1")
    manager = bl.JobManagerTask(
        id="boss", command_line=reading(name="app_1"),
        application_package_references=[
            bl.ApplicationPackageReference(application_id="app", version="1")
        ],
    )  # fmt: skip
    job = lab.create_job("j", pool_of(lab), job_manager_task=manager)
    job.wait("completed", timeout=SOON)
    assert job.tasks["boss"].stdout == "two point seven"


def test_auto_pool_with_bad_references_is_not_made(lab):
    for id, spec, code in (  # noqa: A001
        ("a", bl.PoolSpec(application_package_references=["nosuch"]),
         "InvalidApplicationPackageReferencesInAutoPool"),
        ("b", bl.PoolSpec(certificate_references=["a" * 40]), "InvalidCertificatesInAutoPool"),
    ):  # fmt: skip
        auto = bl.AutoPoolSpecification(pool=spec, pool_lifetime_option="job")
        job = lab.create_job(id, auto)
        assert (job.state, job.scheduling_error.code) == ("completed", code)
    assert list(lab.pools) == []
