"""Checks of lesson 17: tasks of the right size, checkpoints, slow nodes and storms of retries.

What went wrong on the way is planned in the labs (`batchlab.lessons.labs_17`), so that nobody can
be lucky. The checks count what was lost, what was asked for, and how long all took.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import msgspec

from batchlab.core.messages.views import TaskView
from batchlab.core.model.ids import fold
from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.handles.storage import Storage
from batchlab.lab import SimulatedLab
from batchlab.lessons.broken import BrokenConnection, opened_for
from batchlab.lessons.evidence import losses, not_all_succeeded, run_seconds
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.labs_17 import ITEMS, LOSSES, STEP_S, STEPS, Licensed, items_of
from batchlab.lessons.looking import history_of, is_task_of, script_of, span, unfinished

STORM_LIMIT = timedelta(minutes=36)
LOST = 3
"""The least number of runs that a storm of that length takes."""
FRAMES, FRAME_S = 20, 60
FRAMES_LIMIT = timedelta(minutes=8)
COPIES = 3
SOLUTIONS = 12
CALLS = 40
SOLVING_LIMIT = timedelta(minutes=10)
CONTAINER = "checkpoints"
FIRST_AND_LAST = (
    "range(1, 1201, size) gives the first item of each task; the last one is first + size - 1."
)


def _taken(job: Job) -> timedelta:
    """How long a job took from its creation until its last task ended."""
    return timedelta(seconds=span(job)[1] - job.creation_time.timestamp())


def _only_spot(job: Job, nodes: int) -> Missing | None:
    pool = Pool(job._connection, job.pool_id)
    if (pool.id, pool.target_low_priority_nodes, pool.target_dedicated_nodes) == (
        "spot",
        nodes,
        0,
    ):
        return None
    return Missing(
        f"the job should run on the {nodes} spot nodes of the pool 'spot', as they are.",
        "Safer nodes would be an answer, but an expensive one. Here the tasks must survive.",
        "Open the lab again with lessons.broken(...), and leave its pool alone.",
    )


# -- 17-1 ---------------------------------------------------------------------------------------


@exercise("17-1", "Tasks of the right size", Job)
def _right_size(job: Job) -> str | Missing:
    opened = opened_for("17-1", job)
    if isinstance(opened, Missing):
        return opened
    missing = _only_spot(job, 4) or unfinished(job) or _given_up(job)
    missing = missing or not_all_succeeded(job) or _priced(job)
    if missing:
        return missing
    size = max(len(items_of(script_of(view.command_line))) for view in job.tasks.views())
    taken, lost = _taken(job), len(_lost_seconds(job))
    if lost < LOST:
        return Missing(
            f"only {lost} runs were lost: the storm was over, or had hardly begun.",
            "A node is taken every four minutes, for eight hours from the opening of the lab.",
            "Open the lab again, and create the job without a pause.",
        )
    if taken > STORM_LIMIT:
        return Missing(
            f"it took {taken}, with {lost} runs lost.",
            "Large tasks lose much when their node goes, and small ones load the model too often. "
            "Which of them was it?",
            "A node is taken every four minutes, one of four. Try a few sizes: how long does a "
            "task of yours take, beside the 20 seconds for the model?",
        )
    return f"{ITEMS} items in {taken}, {size} in a task, although {lost} runs were lost."


def _given_up(job: Job) -> Missing | None:
    infos = [view.failure_info for view in job.tasks.views()]
    count = sum(info is not None and info.code == "MaxInternalRetryCountReached" for info in infos)
    if not count:
        return None
    return Missing(
        f"{count} of the tasks lost their node so often that the service gave up.",
        "Large tasks lose much when their node goes, and with it the chance to end at all.",
        "A node is taken every four minutes, one of four. How long does a task of yours take?",
    )


def _priced(job: Job) -> Missing | None:
    counts: Counter[int] = Counter()
    for view in job.tasks.views():
        items = items_of(script_of(view.command_line))
        if not items:
            return Missing(
                f"{view.id!r} does something else than price items.",
                "The program takes the first and the last item: price 1 100.",
                'Each command line should be f"price {first} {last}".',
            )
        counts.update(items)
    absent = ITEMS - sum(1 <= item <= ITEMS for item in counts)
    if absent:
        return Missing(
            f"{absent} of the items 1 to {ITEMS} are in no task.",
            "The last item counts, too: price 1 100 prices a hundred items.",
            FIRST_AND_LAST,
        )
    if len(counts) > ITEMS or max(counts.values()) > 1:
        return Missing(
            "some items are priced twice, or do not exist.",
            "The next task begins where the one before has ended.",
            FIRST_AND_LAST,
        )
    return None


def _lost_seconds(job: Job) -> list[float]:
    """How long each run had taken that was lost and went back to the queue."""
    begun: dict[str, float] = {}
    found = []
    for change in history_of(job):
        if is_task_of(change, job):
            if change.state == "running":
                begun[change.task_id] = change.at
            elif change.task_id in begun:
                seconds = change.at - begun.pop(change.task_id)
                if change.state == "active":
                    found.append(seconds)
    return found


# -- 17-2 ---------------------------------------------------------------------------------------


@exercise("17-2", "An hour in six steps", Job)
def _checkpoints(job: Job) -> str | Missing:
    opened = opened_for("17-2", job)
    if isinstance(opened, Missing):
        return opened
    missing = _only_spot(job, 2) or unfinished(job) or not_all_succeeded(job)
    if missing:
        return missing
    worked = sum(run_seconds(job.tasks.views()))
    if worked < STEPS * STEP_S:
        return Missing(
            f"the tasks worked {worked / 60:.0f} minutes, not an hour.",
            "Each of the six steps takes ten minutes: sleep 600.",
            "A step is: sleep 600, then a line that is appended to the state.",
        )
    final = _final_state(job)
    if not final:
        return Missing(
            f"no file with {STEPS} lines is in the container {CONTAINER!r}.",
            "Each step reads the state of the step before, adds a line, and saves all.",
            "resource_files bring a blob to the task, output_files save one; what does the task's "
            "stderr.txt say?",
        )
    if len([loss for loss in losses(job, "preempted") if loss.busy]) < 2:
        return Missing(
            "fewer than two nodes were taken while the job worked on them.",
            f"They are taken after {', '.join(map(str, LOSSES))} minutes. Does the job begin when "
            "the lab is new?",
            "Open the lab again, and create the job without a pause.",
        )
    longest = max(_lost_seconds(job), default=0.0)
    if longest > STEP_S + 1:
        return Missing(
            f"{longest / 60:.0f} minutes of work were lost at once.",
            "What is saved only when a task ends is lost with it. How long is one task?",
            "One task for each step, which depends on the task of the step before.",
        )
    return _repeated(job, final) or (
        f"{len(job.tasks)} tasks, {worked / 60:.0f} minutes of work, and never more than "
        f"{longest / 60:.0f} minutes lost."
    )


def _final_state(job: Job) -> str:
    """The name of the blob with a line for each step; empty if there is none."""
    container = Storage(job._connection)[CONTAINER]
    names = [blob.name for blob in container.list()]
    done = [name for name in names if len(container.read(name).splitlines()) == STEPS]
    return done[-1] if done else ""


def _repeated(job: Job, final: str) -> Missing | None:
    """What shows that a step would count twice if its node were lost after it has saved."""
    writers = [view for view in job.tasks.views() if view.output_files]
    last = max(writers, key=lambda view: view.end_time or view.creation_time)
    saved = Storage(job._connection)[CONTAINER]
    with SimulatedLab() as lab:
        container = lab.storage.create_container(CONTAINER)
        urls = {}
        for blob in saved.list():
            container.upload(saved.read(blob.name), blob.name)
            urls[saved.url_of(blob.name)] = container.url_of(blob.name)
        pool = lab.create_pool("trial", target_dedicated_nodes=1)
        lab.create_job("trial", pool).create_task(
            "again",
            last.command_line,
            resource_files=[
                msgspec.structs.replace(file, http_url=urls.get(file.http_url, file.http_url))
                if file.http_url
                else file
                for file in last.resource_files
            ],
            output_files=list(last.output_files),
            environment_settings=last.environment_settings,
        ).wait()
        lines = container.text(final).splitlines()
    if len(lines) == STEPS:
        return None
    return Missing(
        f"if the last task ran once more, its state would have {len(lines)} lines.",
        "A node can be lost right after it has saved. Then the step runs again, and reads what it "
        "wrote itself.",
        "Save each step under a name of its own: step 3 reads state2.txt and writes state3.txt.",
    )


# -- 17-3 ---------------------------------------------------------------------------------------


@exercise("17-3", "A slow node", Job)
def _stragglers(job: Job) -> str | Missing:
    opened = opened_for("17-3", job)
    if isinstance(opened, Missing):
        return opened
    views = list(job.tasks.views())
    done: dict[int, float] = {}
    for view in views:
        number = _frame(view)
        seconds = run_seconds([view])
        if number and view.result == "success" and seconds and seconds[0] >= FRAME_S - 1:
            end = view.end_time.timestamp() if view.end_time else 0.0
            done[number] = min(end, done.get(number, end))
    absent = FRAMES - len(done)
    if absent:
        return Missing(
            f"{absent} of the frames 1 to {FRAMES} are not rendered.",
            'The command lines are "render 1" to "render 20". A frame is done when one task that '
            "renders it has succeeded.",
            "job.tasks.wait() waits for tasks; a task that was ended early has not rendered.",
        )
    if len(views) > FRAMES + COPIES:
        return Missing(
            f"there are {len(views) - FRAMES} tasks more than frames.",
            "To render everything twice costs twice as much. Which tasks are late?",
            "Wait until most frames are done. Who has run for more than twice the median then?",
        )
    taken = timedelta(seconds=max(done.values()) - job.creation_time.timestamp())
    if taken > FRAMES_LIMIT:
        return Missing(
            f"the last frame was done after {taken}.",
            "One node is ten times as slow as the others. What can be done with its task?",
            "While it still runs there, create a copy of it under another id. Or remove the node: "
            "then its task goes back to the queue.",
        )
    return f"all frames after {taken}, with {len(views) - FRAMES} more tasks than frames."


def _frame(view: TaskView) -> int:
    """The number of the frame that a task renders; 0 if it renders none."""
    words = script_of(view.command_line).split()
    if len(words) == 2 and words[0] == "render" and words[1].isdigit():
        number = int(words[1])
        return number if number <= FRAMES else 0
    return 0


# -- 17-4 ---------------------------------------------------------------------------------------


@exercise("17-4", "Three seats", Job)
def _three_seats(job: Job) -> str | Missing:
    opened = opened_for("17-4", job)
    if isinstance(opened, Missing):
        return opened
    waiting = unfinished(job, least=SOLUTIONS) or not_all_succeeded(job)
    if waiting:
        return waiting
    connection = job._connection
    assert isinstance(connection, BrokenConnection)
    server = connection.world.workload
    assert isinstance(server, Licensed)
    solved = sum(
        (fold(job_id), fold(view.id)) == (fold(job.id), fold(task_id))
        for job_id, task_id in server.solved
        for view in job.tasks.views()
    )
    if solved < SOLUTIONS:
        return Missing(
            f"only {solved} of the tasks had a seat; the others report success without one.",
            "A task may succeed only if solve did.",
            "Without || true: the exit code of solve must be that of the task in the end.",
        )
    calls = sum(count for name, count in server.calls.items() if fold(name) == fold(job.id))
    if calls > CALLS:
        return Missing(
            f"the server was asked {calls} times for {SOLUTIONS} seats.",
            "Who gets no seat should not come back at once. Or should not come at all?",
            "Wait in the program: until solve; do sleep 60; done. Or let no more tasks run at a "
            "time than there are seats.",
        )
    taken = _taken(job)
    if taken > SOLVING_LIMIT:
        return Missing(
            f"it took {taken}. With three seats, four minutes are enough.",
            "How many tasks had a seat at the same time?",
            "Three nodes, or waits of about as long as a seat is taken.",
        )
    return f"{SOLUTIONS} solutions in {taken}, with {calls} requests to the server."
