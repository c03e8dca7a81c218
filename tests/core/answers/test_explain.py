"""Why a task does not run: a reason for each thing that can be in its way."""

from batchlab.core.answers.reasons import Reason
from batchlab.core.messages import inputs, questions
from batchlab.core.messages.outputs import StartRun
from batchlab.core.model import JobPreparationTask, TaskConstraints, TaskDependencies, TaskIdRange
from helpers.world import World


def explain(world: World, task: str = "a", job: str = "j") -> list[Reason]:
    return world.ask(questions.ExplainTask(job_id=job, task_id=task))


def the_one(world: World, code: str, *, lasting: bool) -> str:
    reason, *causes = explain(world)
    assert all(cause.code == "FailureExitCode" for cause in causes)
    assert (reason.code, reason.lasting) == (code, lasting)
    return reason.text


def queued(world: World, nodes: int = 1, **kw: object) -> list[str]:
    ids = world.pool(nodes=nodes, **kw)
    world.job()
    world.tasks("a")
    return ids


def test_explain_running_or_completed_task_has_no_reason(world: World) -> None:
    queued(world)
    assert explain(world) == []
    world.exit(world.run())
    assert explain(world) == []


def test_explain_no_pool(world: World) -> None:
    world.job(pool="Render")
    world.tasks("a")
    assert "'Render'" in the_one(world, "PoolNotFound", lasting=True)


def test_explain_pool_without_nodes(world: World) -> None:
    queued(world, nodes=0)
    assert "target is 0" in the_one(world, "NoNodes", lasting=True)


def test_explain_resize_that_failed_names_its_error() -> None:
    world = World(dedicated_core_quota=0)
    queued(world)
    assert "AccountCoreQuotaReached" in the_one(world, "ResizeFailed", lasting=True)


def test_explain_nodes_that_are_coming(world: World) -> None:
    (node,) = queued(world)
    world.run()
    world.lost(node)
    world.said()
    assert f"{node} is not up yet (unknown)" in the_one(world, "Coming", lasting=False)


def test_explain_deleted_pool(world: World) -> None:
    (node,) = queued(world)
    world.exit(world.run())
    world.tasks("b", "c")
    world.run()
    world.feed(inputs.DeletePool(pool_id="p"))
    world.said()
    assert [reason.code for reason in explain(world, "c")] == ["PoolBeingDeleted"]
    assert world.nodes()[0].id == node


def test_explain_full_nodes_says_who_is_ahead(world: World) -> None:
    world.pool(task_slots_per_node=2)
    world.job("high", priority=9)
    world.job("peer")
    world.job()
    for job in ("high", "peer"):
        world.tasks("x", "y", "z", job=job)
    world.tasks("a", "b")
    world.runs()
    full, higher, equal, queue = explain(world)
    assert (full.code, full.lasting) == ("Busy", False)
    assert "needs 1 slot, but none is free" in full.text
    assert (higher.code, higher.text) == (
        "HigherPriority",
        "1 queued task of jobs with a higher priority than 0 goes first: 'high' (9).",
    )
    assert equal.code == "EqualPriority"
    assert queue.text.startswith("This job has 2 queued tasks")


def test_explain_preparing_names_the_node_and_the_retries(world: World) -> None:
    (node,) = world.pool()
    limits = TaskConstraints(max_task_retry_count=1)
    world.job(job_preparation_task=JobPreparationTask(command_line="p", constraints=limits))
    world.tasks("a")
    assert node in the_one(world, "Preparing", lasting=False)
    world.exit(world.run(), 1)
    assert "(retry 1)" in the_one(world, "Preparing", lasting=False)
    world.run()


def test_explain_preparation_failed_everywhere(world: World) -> None:
    world.pool(nodes=2)
    world.job(job_preparation_task="p")
    world.tasks("a")
    for _ in range(2):
        world.exit(world.run(), 1)
    assert "so no node of the pool can run this job" in the_one(
        world, "PreparationFailed", lasting=True
    )


def test_explain_preparation_failed_here_and_the_rest_full_is_not_lasting(world: World) -> None:
    world.pool(nodes=2)
    world.job("other")
    world.tasks("x", job="other")
    blocker = world.run()
    world.job(job_preparation_task="p")
    world.tasks("a")
    world.exit(world.run(), 1)
    reasons = explain(world)
    assert {reason.code for reason in reasons} == {"PreparationFailed", "Busy"}
    assert not any(reason.lasting for reason in reasons)
    assert isinstance(blocker, StartRun)


def test_explain_limit_of_a_job_counts_its_tasks_in_words(world: World) -> None:
    world.pool(nodes=3)
    for job, most in (("one", 1), ("two", 2)):
        world.job(job, max_parallel_tasks=most)
        world.tasks(*"abc", job=job)
    assert len(world.runs()) == 3
    (one,), (two,) = (explain(world, "c", job) for job in ("one", "two"))
    assert one.text == "Job 'one' is running 1 task, its maximum (max_parallel_tasks=1)."
    assert two.text == "Job 'two' is running 2 tasks, its maximum (max_parallel_tasks=2)."


def test_explain_task_of_an_ended_job(world: World) -> None:
    world.job()
    world.tasks("a")
    world.feed(inputs.TerminateJob(job_id="j"))
    assert "never run" in the_one(world, "JobEnded", lasting=True)


def test_explain_task_that_a_deleted_job_leaves_is_gone(world: World) -> None:
    world.job()
    world.tasks("a")
    world.feed(inputs.DeleteJob(job_id="j"))
    assert not world.core.state.jobs


def chain(world: World, *ids: str, of: TaskDependencies | None = None) -> None:
    """A task each, which depends on the one before."""
    for task_id in ids:
        world.tasks(task_id, depends_on=of)
        of = TaskDependencies(task_ids=(task_id,))


def test_explain_chain_names_the_task_at_its_root_that_failed(world: World) -> None:
    world.pool()
    world.job(uses_task_dependencies=True)
    chain(world, "d", "c", "b", "a")
    assert the_one(world, "Dependencies", lasting=False) == (
        "Waiting for tasks it depends on: 'b' (active)."
    )
    world.exit(world.run(), 1)
    assert the_one(world, "Dependencies", lasting=True) == (
        "Waiting for tasks it depends on: 'b' (active). "
        "The cause is 'd' (failed, so its dependents are blocked)."
    )
    parent, cause = explain(world, "c")
    assert parent.text == (
        "Waiting for tasks it depends on: 'd' (failed, so its dependents are blocked)."
    )
    assert parent.example == "d"
    assert cause.text.startswith("Task 'd' exited with code 1, on ")


def test_explain_chain_names_what_is_not_there(world: World) -> None:
    world.pool()
    world.job(uses_task_dependencies=True)
    chain(world, "b", "a", of=TaskDependencies(task_id_ranges=(TaskIdRange(start=7, end=99),)))
    assert the_one(world, "Dependencies", lasting=True).endswith(
        "'b' (active). The cause is '99' (no task has this number)."
    )


def test_explain_chain_tells_why_its_root_cannot_run(world: World) -> None:
    world.pool(nodes=0)
    world.job(uses_task_dependencies=True)
    chain(world, "c", "b", "a")
    assert "(active). Task 'c' cannot run: Pool 'p' has no nodes" in the_one(
        world, "Dependencies", lasting=True
    )


def test_explain_of_many_parents_names_the_one_that_failed(world: World) -> None:
    world.pool(nodes=7)
    world.job(uses_task_dependencies=True)
    parents = tuple("bcdefgh")
    world.tasks(*parents)
    world.tasks("a", depends_on=TaskDependencies(task_ids=parents))
    world.exit(world.runs()[5], 1)
    assert the_one(world, "Dependencies", lasting=True).endswith(
        " and 2 more. The cause is 'g' (failed, so its dependents are blocked)."
    )


def test_explain_tells_that_tasks_wait_for_each_other(world: World) -> None:
    world.pool()
    world.job(uses_task_dependencies=True)
    chain(world, "b", "a", of=TaskDependencies(task_ids=("a",)))
    assert the_one(world, "Dependencies", lasting=True) == (
        "Waiting for tasks it depends on: 'b' (active). They depend on each other in a cycle."
    )
