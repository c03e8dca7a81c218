"""Programs that reach the lab they run in: real Python, so only where commands are real."""

import sys

import pytest

import batchlab as bl
from helpers.stories import only, pool_of, run

pytestmark = [pytest.mark.worlds("light"), pytest.mark.processes]

MANAGER = """
import time
import batchlab as bl

job, me = bl.Job.current(), bl.Task.current()
added = 0
for number in range(6):
    try:
        job.create_task(f"part{number}", "/bin/sh -c 'echo $AZ_BATCH_TASK_ID'")
        added += 1
    except bl.Conflict as error:
        if error.code != "TaskExists":
            raise
    if number == 2 and me.requeue_count == 0:
        time.sleep(500)  # until the node goes away under it
parts = job.tasks.filter(id="part*")
for task in parts.values():
    task.wait(timeout="1h")
print(added, *(task.stdout.strip() for task in parts.values()))
"""


@pytest.fixture
def program(tmp_path):
    """Writes a program; its command line."""

    def write(text):
        path = tmp_path / "program.py"
        path.write_text(text)
        return f"{sys.executable} {path}"

    return write


def test_manager_adds_tasks_to_its_job_and_resumes_after_a_restart(world, lab, program):
    pool = pool_of(lab, 2)
    manager = bl.JobManagerTask(id="manager", command_line=program(MANAGER))
    job = lab.create_job("j", pool, job_manager_task=manager)
    task = job.tasks["manager"]
    world.until(lambda: "part2" in job.tasks)
    pool.nodes[task.node_id].reboot()
    job.wait("completed", timeout="1h")
    assert task.stderr == ""
    assert task.stdout == "3 part0 part1 part2 part3 part4 part5\n"
    assert (task.exit_code, task.requeue_count, job.terminate_reason) == (0, 1, "JMComplete")


def test_task_sees_the_whole_account_and_all_of_its_own(lab, program):
    pool = pool_of(lab)
    lab.create_job("other", pool)
    job = lab.create_job("j", pool)
    look = """
        import batchlab as bl
        with bl.Lab.current() as lab:
            task = bl.Task.current()
            assert task == bl.Job.current().tasks["look"] == lab.jobs["j"].tasks["look"]
            assert task.files.read("wd/note.txt") == b"mine"
            assert lab.pools.ids() == ["p"]
            assert lab.pools["p"].nodes[task.node_id].state == "running"
            assert abs((lab.now - task.start_time).total_seconds()) < 300
            lab.jobs["other"].terminate()
            lab.jobs["other"].wait(timeout="1h", watch=lambda: None)
            try:
                lab.create_pool("p")
            except bl.Conflict as error:
                print(lab, error.code)
    """
    text = "open('note.txt', 'w').write('mine')\nif True:" + look
    task = job.create_task("look", program(text))
    task.wait(timeout="1h")
    assert (task.stdout, task.stderr) == ("Lab.current() PoolExists\n", "")
    assert lab.jobs["other"].state == "completed"
    assert lab.pools["p"].state == "active"


@pytest.mark.code("WaitsForItself")
def test_task_that_would_wait_for_itself_is_told_so(lab, program):
    look = """
import batchlab as bl
job, me = bl.Job.current(), bl.Task.current()
other = job.create_task("other", "/bin/true")
for wait in (job.tasks.wait, job.wait, me.wait, lambda: job.wait("deleted")):
    try:
        wait()
    except bl.WaitNeverEnds as error:
        print(error.code)
other.wait(timeout="1h")
me.wait("running", timeout="1h")
print(other.state)
"""
    job = lab.create_job("j", pool_of(lab, 2), job_release_task=program(
        "import batchlab as bl; bl.Job.current().tasks.wait(timeout='1h')"
    ), job_preparation_task="/bin/true")  # fmt: skip
    task = job.create_task("look", f"{sys.executable} -c '{look}'")
    task.wait(timeout="1h")
    assert (task.stderr, task.stdout) == ("", "WaitsForItself\n" * 4 + "completed\n")
    job.terminate()
    job.wait(timeout="1h")
    assert {row.job_release_task_execution_info.exit_code for row in job.preparations} == {0}


def test_preparation_and_start_task_reach_the_lab_too(lab, program):
    text = """
import batchlab as bl
print(*bl.Lab.current().pools)
try:
    print(bl.Job.current().id)
except bl.Conflict as error:
    print(error.code)
"""
    command = program(text)
    pool = pool_of(lab, start_task=command)
    job = lab.create_job("j", pool, job_preparation_task=command)
    run(job, "/bin/true")
    node = only(pool.nodes.values())
    refusal = "OperationInvalidForCurrentState"
    assert node.files.text("startup/stdout.txt") == f"p\n{refusal}\n"
    assert node.files.text("workitems/j/job-1/jobpreparation/stdout.txt") == "p\nj\n"


def test_children_of_a_task_reach_the_lab_too(lab, program):
    text = """
import os, subprocess, sys, batchlab as bl
job = bl.Job.current()
pid = os.fork()
if not pid:
    job.create_task("forked", "/bin/true")
    os._exit(0)
job.create_task("parent", "/bin/true")
os.waitpid(pid, 0)
subprocess.run([sys.executable, "-c",
    "import batchlab as bl; bl.Job.current().create_task('spawned', '/bin/true')"], check=True)
"""
    job = lab.create_job("j", pool_of(lab))
    task = only(run(job, program(text)))
    assert (task.exit_code, task.stderr) == (0, "")
    assert set(job.tasks) == {"task001", "forked", "parent", "spawned"}


def test_lab_within_a_task_is_the_inner_one_for_its_own_tasks(lab, program):
    text = """
import sys, batchlab as bl
look = "import batchlab as bl; print(*bl.Lab.current().pools)"
with bl.Lab() as inner:
    pool = inner.create_pool("inner", target_dedicated_nodes=1)
    task = inner.create_job("j", pool).create_task("t", f"{sys.executable} -c '{look}'")
    task.wait(timeout="90s")
    print(task.stdout.strip(), *bl.Lab.current().pools)
"""
    job = lab.create_job("j", pool_of(lab))
    task = only(run(job, program(text)))
    assert (task.stdout, task.stderr) == ("inner p\n", "")


def test_task_asks_why_a_schedule_creates_no_job(lab, program):
    pool = pool_of(lab)
    lab.create_job_schedule("s", schedule="1h", job_specification=bl.JobSpec(pool_info=pool))
    text = "import batchlab as bl; print(bl.Lab.current().job_schedules['s'].explain().codes)"
    (task,) = run(lab.create_job("j", pool), program(text))
    assert task.stdout == "['JobNotEnded']\n"
