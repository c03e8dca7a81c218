"""Applications and their packages: what is refused, and what nodes are told to unpack."""

from __future__ import annotations

from typing import Any

import pytest

from batchlab.core.messages import facts, inputs, questions
from batchlab.core.messages.outputs import PackageToInstall, RestartNode, StartNode, StartRun
from batchlab.core.model import (
    ApplicationPackageReference,
    AutoPoolSpecification,
    ExitConditions,
    ExitOptions,
    JobManagerTask,
    PoolSpec,
    TaskConstraints,
    TaskSpec,
)
from batchlab.core.model.values import FailureInfo
from helpers.world import World

MISSING = FailureInfo(category="UserError", code="ApplicationPackageError", message="not there")


def package(
    world: World, version: str, application: str = "blender", location: str = "", **more: Any
) -> None:
    world.feed(
        inputs.CreateApplicationPackage(
            application_id=application, version=version, digest=f"d{location or version}",
            location=location or f"file:///{version}", content_length=7, **more,
        )
    )  # fmt: skip


def application(world: World, *versions: str, id: str = "Blender", **more: Any) -> None:  # noqa: A002
    world.feed(inputs.CreateApplication(application_id=id, **more))
    for version in versions:
        package(world, version, id)


def reference(version: str | None = None) -> ApplicationPackageReference:
    return ApplicationPackageReference(application_id="BLENDER", version=version)


def update(world: World, **given: Any) -> None:
    world.feed(inputs.UpdateApplication(application_id="blender", **given))


def seen(world: World) -> Any:
    return world.ask(questions.GetApplication(application_id="bLENDER"))


@pytest.mark.code("ResourceAlreadyExists")
def test_application_is_known_without_regard_to_case_and_keeps_its_own(world: World) -> None:
    application(world, "1.0-Beta", display_name="B")
    assert seen(world).id == "Blender"
    assert world.refused(inputs.CreateApplication(application_id="BLENDER")).code == (
        "ResourceAlreadyExists"
    )
    view = world.ask(questions.GetApplicationPackage(application_id="blender", version="1.0-BETA"))
    assert (view.application_id, view.version, view.content_length) == ("Blender", "1.0-Beta", 7)
    assert (view.state, view.format, view.storage_url) == ("active", "zip", "file:///1.0-Beta")
    world.nothing_else()


@pytest.mark.parametrize("bad", ["", "a b", "ä", "a/b", "x" * 65, "a.b"])
def test_application_with_a_bad_id_is_refused(world: World, bad: str) -> None:
    error = world.refused(inputs.CreateApplication(application_id=bad))
    assert (error.code, error.values["PropertyName"]) == ("InvalidPropertyValue", "application_id")


@pytest.mark.parametrize("bad", ["", ".", "..", ".1", "1/2", "a b", "x" * 65])
def test_package_with_a_bad_version_is_refused(world: World, bad: str) -> None:
    application(world)
    request = inputs.CreateApplicationPackage(
        application_id="blender", version=bad, location="l", digest="d", content_length=1
    )
    assert world.refused(request).values["PropertyName"] == "version"


@pytest.mark.code("ApplicationNotFound")
def test_what_is_not_there_is_not_found(world: World) -> None:
    for request in (
        inputs.UpdateApplication(application_id="nosuch"),
        inputs.DeleteApplication(application_id="nosuch"),
        inputs.DeleteApplicationPackage(application_id="nosuch", version="1"),
    ):
        assert world.refused(request).code == "ApplicationNotFound"
    application(world, "1")
    gone = inputs.DeleteApplicationPackage(application_id="blender", version="2")
    assert (world.refused(gone).code, world.refused(gone).status) == ("ResourceNotFound", 404)


def test_default_version_is_one_that_exists_and_goes_with_its_package(world: World) -> None:
    application(world, "1", "2")
    wrong = inputs.UpdateApplication(application_id="blender", default_version="3")
    assert world.refused(wrong).code == "InvalidPropertyValue"
    update(world, default_version="2")
    package(world, "2", location="file:///again")  # replaced, and still the default
    assert seen(world).default_version == "2"
    world.feed(inputs.DeleteApplicationPackage(application_id="blender", version="2"))
    assert (seen(world).default_version, seen(world).versions) == (None, ("1",))
    update(world, default_version="1")
    update(world, default_version="")
    assert seen(world).default_version is None


@pytest.mark.rule(104)
def test_fixed_application_takes_new_versions_but_keeps_old_ones(world: World) -> None:
    application(world, "1", allow_updates=False)
    for request in (
        inputs.CreateApplicationPackage(
            application_id="blender", version="1", location="l", digest="d", content_length=1
        ),
        inputs.DeleteApplicationPackage(application_id="blender", version="1"),
        inputs.DeleteApplication(application_id="blender"),
    ):
        error = world.refused(request)
        assert (error.code, error.status) == ("OperationInvalidForCurrentState", 409)
    package(world, "2")
    assert seen(world).versions == ("1", "2")


def test_there_are_limits_to_applications_and_packages(world: World) -> None:
    application(world, *(str(number) for number in range(40)))
    more = inputs.CreateApplicationPackage(
        application_id="blender", version="41", location="l", digest="d", content_length=1
    )
    assert world.refused(more).code == "OperationInvalidForCurrentState"
    package(world, "7")  # one of those that are there
    for number in range(19):
        application(world, id=f"a{number}")
    another = inputs.CreateApplication(application_id="another")
    assert world.refused(another).code == "OperationInvalidForCurrentState"


@pytest.mark.rule(103)
@pytest.mark.code("InvalidApplicationPackageReferences")
def test_pool_that_references_what_is_not_there_is_refused(world: World) -> None:
    application(world, "1")
    for wrong in (reference(), reference("2"), ApplicationPackageReference(application_id="x")):
        spec = PoolSpec(id="p", application_package_references=[wrong])
        error = world.refused(inputs.CreatePool(spec=spec))
        assert (error.code, error.status) == ("InvalidApplicationPackageReferences", 409)
    update(world, default_version="1")
    world.pool(nodes=0, application_package_references=[reference()])
    change = inputs.UpdatePool(pool_id="p", application_package_references=(reference("2"),))
    assert world.refused(change).code == "InvalidApplicationPackageReferences"
    twice = inputs.UpdatePool(pool_id="p", application_package_references=(reference("1"),) * 2)
    assert world.refused(twice).code == "InvalidPropertyValue"


@pytest.mark.code("InvalidApplicationPackageReferencesInAutoPool")
def test_auto_pool_that_references_what_is_not_there_is_not_made(world: World) -> None:
    spec = PoolSpec(application_package_references=["nosuch"])
    auto = AutoPoolSpecification(pool=spec, pool_lifetime_option="job")
    world.job(pool=auto)  # type: ignore[arg-type]
    view = world.ask(questions.GetJob(job_id="j"))
    assert view.state == "completed"
    assert view.scheduling_error.code == "InvalidApplicationPackageReferencesInAutoPool"
    assert world.core.state.pools == {}


def test_nodes_unpack_what_their_pool_references_when_they_start(world: World) -> None:
    application(world, "1", "2")
    update(world, default_version="1")
    spec = PoolSpec(
        id="p", target_dedicated_nodes=1, vm_size="small",
        application_package_references=[reference("2"), reference()],
    )  # fmt: skip
    world.feed(inputs.CreatePool(spec=spec))
    (start,) = world.said()
    assert isinstance(start, StartNode)
    second = PackageToInstall(
        application_id="Blender", version="2", location="file:///2", digest="d2"
    )
    first = PackageToInstall(
        application_id="Blender", version="1", location="file:///1", digest="d1", by_default=True
    )
    assert start.application_packages == (second, first)
    assert first.directory == "applications/Blender/1"
    world.allocated(start.node_id)
    world.started(start.node_id)
    world.nothing_else()
    update(world, default_version="2")  # what follows is for later starts
    world.feed(inputs.UpdatePool(pool_id="p", application_package_references=(reference(),)))
    world.nothing_else()
    world.feed(inputs.RebootNode(pool_id="p", node_id=start.node_id))
    (reboot,) = world.said()
    assert reboot == RestartNode(
        pool_id="p", node_id=start.node_id, boot=2,
        application_packages=(
            PackageToInstall(
                application_id="Blender", version="2", location="file:///2", digest="d2",
                by_default=True,
            ),
        ),
    )  # fmt: skip


def test_node_without_its_package_is_unusable_until_a_reboot_finds_it(world: World) -> None:
    application(world, "1")
    (node,) = world.pool(application_package_references=[reference("1")])
    world.feed(inputs.DeleteApplicationPackage(application_id="blender", version="1"))
    world.feed(inputs.RebootNode(pool_id="p", node_id=node))
    (reboot,) = world.said()
    assert isinstance(reboot, RestartNode)
    (gone,) = reboot.application_packages
    assert gone == PackageToInstall(application_id="Blender", version="1")
    world.allocated(node, 2)
    world.feed(
        facts.NodeStartFailed(
            node_id=node, boot=2, code="ApplicationPackageError", message="no version"
        )
    )
    (view,) = world.nodes()
    assert (view.state, view.errors[0].code) == ("unusable", "ApplicationPackageError")
    world.job()
    world.tasks("a")
    assert world.reasons("a") == ["Unusable"]
    world.nothing_else()
    package(world, "1")
    world.feed(inputs.RebootNode(pool_id="p", node_id=node))
    assert world.boot() == [node]
    assert world.nodes()[0].errors == ()
    assert world.run().run_id.task_id == "a"


def test_task_is_told_what_its_references_mean_when_it_runs(world: World) -> None:
    (node,) = world.pool()
    world.job()
    spec = TaskSpec(
        id="a", command_line="x", application_package_references=[reference(), reference("9")],
        constraints=TaskConstraints(max_task_retry_count=2),
        exit_conditions=ExitConditions(
            pre_processing_error=ExitOptions(dependency_action="satisfy")
        ),
    )  # fmt: skip
    world.feed(inputs.CreateTasks(job_id="j", specs=(spec,)))
    run = world.run()
    assert run.application_packages == (
        PackageToInstall(application_id="blender", by_default=True),
        PackageToInstall(application_id="blender", version="9"),
    )
    world.feed(facts.RunExited(run_id=run.run_id, failure=MISSING))
    view = world.ask(questions.GetTask(job_id="j", task_id="a"))
    assert (view.state, view.retry_count, view.exit_code) == ("completed", 0, None)
    assert view.failure_info == MISSING
    assert view.node_id == node
    application(world, "9")
    update(world, default_version="9")
    world.feed(inputs.ReactivateTask(job_id="j", task_id="a"))
    (_, again) = world.said()  # its old files go first
    assert isinstance(again, StartRun)
    assert [wanted.location for wanted in again.application_packages] == ["file:///9"] * 2
    world.exit(again)


def test_job_manager_has_packages_as_any_task(world: World) -> None:
    application(world, "1")
    world.pool()
    manager = JobManagerTask(
        id="m", command_line="m", application_package_references=[reference("1")]
    )
    world.job(job_manager_task=manager)
    (wanted,) = world.run().application_packages
    assert wanted.location == "file:///1"
