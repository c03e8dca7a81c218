"""Checks of lesson 11: tasks on several nodes at once."""

from __future__ import annotations

from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.handles.task import Task
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import not_completed

TEAM = 3
WIDE = 5


@exercise("11-1", "A roll call", Task)
def _roll_call(task: Task) -> str | Missing:
    settings = task.multi_instance_settings
    if settings is None or settings.number_of_instances != TEAM:
        return _not_on(TEAM, "on_all_three gives both command lines, for a file of yours.")
    waiting = not_completed(task)
    if waiting:
        return Missing(
            waiting.what,
            "If it runs and runs: does the coordination command come back? And does everybody "
            "who is asked answer?",
            "task.terminate() ends it; serve.log in the wd of each subtask tells what its service "
            "has to say.",
        )
    if task.exit_code != 0:
        return _failed(task)
    nodes = {task.node_id or "", *(row.node_id or "" for row in task.subtasks)}
    told = {node for node in nodes if node in task.stdout}
    if not told:
        return Missing(
            "the output of the primary has the id of no node.",
            "What does a node answer when it is asked? Now it is the number of its primes.",
            "Let share return os.environ['AZ_BATCH_NODE_ID'], and print the answers; they have "
            "no sum.",
        )
    if len(told) < TEAM:
        return Missing(
            f"the output of the primary has the ids of {len(told)} of {TEAM} nodes.",
            "The environment of the primary has its own id only. Who knows the others?",
            "Each node has to be asked, as in the program that counts primes.",
        )
    return "each of the three nodes has told its id."


@exercise("11-2", "Five nodes at once", Task)
def _forecast(task: Task) -> str | Missing:
    settings = task.multi_instance_settings
    if settings is None or settings.number_of_instances != WIDE:
        return _not_on(WIDE, "weather.multi_instance_settings are those of the first task.")
    if task.state != "completed":
        pool = Pool(task._connection, Job(task._connection, task.job_id).pool_id)
        codes = task.explain().codes
        if "NoInterNodeCommunication" in codes:
            return Missing(
                "the nodes of its pool may not talk.",
                "A pool says so when it is made, and cannot be changed later.",
                "enable_inter_node_communication=True, in a pool of another name.",
            )
        if "NotOneSlot" in codes:
            return Missing(
                f"a node of its pool has {pool.task_slots_per_node} slots.",
                "Nodes that talk must run one task at a time.",
                "Leave task_slots_per_node as it is without you.",
            )
        if "TooFewNodes" in codes:
            return Missing(
                f"its pool has {len(pool.nodes)} nodes.",
                "How many does the task need, all at once?",
                "pool.resize(...), or more target_dedicated_nodes.",
            )
        return Missing(
            f"the task is {task.state}, not completed.",
            "task.wait() moves the clock as far as it needs.",
            "Ask it why: task.explain().",
        )
    if task.exit_code != 0:
        return _failed(task)
    return "five nodes worked together."


def _not_on(count: int, second_hint: str) -> Missing:
    return Missing(
        f"that is no multi-instance task on {count} nodes.",
        "create_task takes multi_instance_settings.",
        second_hint,
    )


def _failed(task: Task) -> Missing:
    return Missing(
        "the task failed.",
        "A task on several nodes fails as one. What does it say on stderr?",
        "print(task.stderr); failure_info tells whether it was a subtask of another node, and "
        "task.subtask_files(1).text('stderr.txt') is what that one said.",
    )
