import pytest

from batchlab import BatchError, Behavior, SimulatedLab, Workload
from batchlab.core.messages.questions import TasksCompleted
from batchlab.core.model import TaskSpec
from helpers.simulated import add, connect, outcome, task, text


def test_workload_rule_matches_task_ids_without_case_then_command_lines():
    workload = Workload(
        default="40s",
        rules={"task00*": Behavior(duration="10s", exit_code=1), "encode *": "3m", "t*": 5},
    )
    connection = connect(workload, slots=4)
    add(
        connection,
        TaskSpec(id="TASK001", command_line="encode a"),
        TaskSpec(id="e1", command_line="encode a"),
        TaskSpec(id="t1", command_line="anything"),
        TaskSpec(id="other", command_line="anything"),
    )
    connection.wait(TasksCompleted(job_id="j"))
    views = {name: task(connection, name) for name in ("TASK001", "e1", "t1", "other")}
    seconds = [round((v.end_time - v.start_time).total_seconds(), 3) for v in views.values()]
    assert seconds == [10, 180, 5, 40]
    assert [view.exit_code for view in views.values()] == [1, 0, 0, 0]


def test_workload_rule_wins_over_what_the_shell_understands():
    assert outcome("sleep 5", workload=Workload(rules={"sleep *": "1h"})).seconds == 3600


def test_workload_rules_may_be_a_function_of_the_run():
    def rules(run):
        return "9s" if run.run_id.task_id == "t" else None

    assert outcome("anything", workload=Workload("2s", rules=rules)).seconds == 9
    assert outcome("anything", workload=Workload("2s", rules=lambda run: None)).seconds == 2


def test_workload_rule_may_be_a_function_of_the_launch():
    lab = SimulatedLab(boot="90s", workload=Workload(rules={"ask*": lambda it: it.node_age}))
    pool = lab.create_pool("p", target_dedicated_nodes=1)
    pool.nodes.wait("idle")
    job = lab.create_job("j", pool)

    def seconds(task_id, command_line="ask"):
        made = job.create_task(task_id, command_line)
        made.wait()
        return (made.end_time - made.start_time).total_seconds()

    lab.advance("10s")
    assert seconds("t1") == 10
    next(iter(pool.nodes.values())).reboot()
    assert seconds("t2", "/bin/sh -c ask") == 50  # a reboot keeps the disk
    next(iter(pool.nodes.values())).reimage()
    lab.advance("100s")
    assert seconds("ask-me", "anything") == 10


@pytest.mark.parametrize("rule", [lambda launch: "soon", lambda launch: launch.nosuch])
def test_workload_rule_that_fails_fails_the_command(rule):
    workload = Workload(rules={"ask": rule})
    assert outcome("ask", workload=workload).failure == "CommandLaunchFailed"
    inside = outcome("/bin/sh -c 'echo a; ask; echo $?'", workload=workload)
    assert inside.out == "a\n126\n"
    assert "the rules of the workload failed" in inside.err


@pytest.mark.parametrize("rules", [lambda run: "soon", lambda run: run.nosuch])
def test_workload_rules_that_fail_fail_the_run(rules):
    connection = connect(Workload(rules=rules))
    add(connection, TaskSpec(id="t", command_line="anything"))
    connection.wait(TasksCompleted(job_id="j"))
    failure = task(connection).failure_info
    assert failure.code == "CommandLaunchFailed"
    assert "the rules of the workload failed" in failure.details["Message"]


def test_behavior_writes_streams_and_files_when_it_ends():
    behavior = Behavior(stdout="out\n", stderr="err\n", files={"a/b.txt": "deep"}, exit_code=0)
    connection = connect(Workload(behavior), boot_s=0)
    add(connection, TaskSpec(id="t", command_line="make"))
    connection.advance(39)
    assert text(connection, "stdout.txt") == ""
    connection.wait(TasksCompleted(job_id="j"))
    streams = [text(connection, name) for name in ("stdout.txt", "stderr.txt", "wd/a/b.txt")]
    assert streams == ["out\n", "err\n", "deep"]


def test_behavior_with_a_failure_is_never_launched():
    result = outcome("nosuch", workload=Workload(rules={"nosuch": Behavior(failure="DiskFull")}))
    assert (result.code, result.failure, result.seconds) == (None, "DiskFull", 0.01)


def durations(seed, jitter=0.5):
    connection = connect(Workload("100s", jitter=jitter), slots=8, seed=seed)
    add(connection, *(TaskSpec(id=f"t{n}", command_line="x") for n in range(8)))
    connection.wait(TasksCompleted(job_id="j"))
    views = [task(connection, f"t{n}") for n in range(8)]
    return [(view.end_time - view.start_time).total_seconds() for view in views]


def test_workload_jitter_is_drawn_from_the_seed():
    assert durations(7) == durations(7)
    assert durations(7) != durations(8)
    assert all(50 <= seconds <= 150 for seconds in durations(7))
    assert len(set(durations(7))) == 8


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Workload("soon"), "duration is 'soon'"),
        (lambda: Workload(None), "default is None"),
        (lambda: Workload("-5s"), "duration is '-5s'"),
        (lambda: Workload(jitter=1), "jitter is 1"),
        (lambda: Workload(jitter=True), "jitter is True"),
        (lambda: Workload(jitter=float("nan")), "jitter is nan"),
        (lambda: Workload(rules=[("a", "5s")]), "rules is"),
        (lambda: Workload(rules={5: "5s"}), "rules is 5"),
        (lambda: Workload(rules={"a": None}), r"rules\['a'\] is None"),
        (lambda: Workload(rules={"a": True}), r"rules\['a'\] is True"),
        (lambda: Behavior(exit_code=256), "exit_code is 256"),
        (lambda: Behavior(exit_code="1"), "exit_code is '1'"),
        (lambda: Behavior(failure="Oops"), "failure is 'Oops'.*CommandProgramNotFound"),
        (lambda: Behavior(files={"../x": "y"}), "files is '../x'"),
        (lambda: Behavior(time="5s"), "unknown property"),
    ],
)
def test_workload_with_bad_input_is_refused(make, told):
    with pytest.raises(BatchError, match=told):
        make()
