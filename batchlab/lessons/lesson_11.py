"""Checks of lesson 11: tasks on several nodes at once."""

from __future__ import annotations

from batchlab.handles.job import Job
from batchlab.handles.pool import Pool
from batchlab.handles.task import Task
from batchlab.lessons.evidence import has_word, is_typed, sources
from batchlab.lessons.exercises import Missing, exercise
from batchlab.lessons.looking import not_completed

TEAM = 3
WIDE = 5


@exercise("11-1", "A roll call", Task)
def _roll_call(task: Task) -> str | Missing:
    settings = task.multi_instance_settings
    if settings is None or settings.number_of_instances != TEAM:
        return _not_on(TEAM, "on_all_three returns both command lines for a file of your own.")
    waiting = not_completed(task)
    if waiting:
        return Missing(
            waiting.what,
            "If it never ends: does the coordination command return? And does each node answer "
            "when it is asked?",
            "task.terminate() ends it; serve.log in the wd of each subtask has the messages of "
            "its service.",
        )
    if task.exit_code != 0:
        return _failed(task)
    nodes = {task.node_id or "", *(row.node_id or "" for row in task.subtasks)}
    named = {node for node in nodes if has_word(task.stdout, node)}
    view = task.view()
    programs = sources(task)
    texts = [settings.coordination_command_line, *programs]
    if any(is_typed(view, node) or any(node in text for text in texts) for node in nodes):
        return Missing(
            "the ids of the nodes are in the definition or the program of the task already.",
            "Nobody knows which nodes will run a task before it runs. Who can tell?",
            "Each node knows its own: AZ_BATCH_NODE_ID is in its environment.",
        )
    if any("Lab.current" in text or "Job.current" in text for text in programs):
        return Missing(
            "the program asks the service for the ids.",
            "Each node must report its own id.",
            "Let share return os.environ['AZ_BATCH_NODE_ID'].",
        )
    if not named:
        return Missing(
            "the output of the primary does not have the id of any node.",
            "What does a node answer when it is asked? Now it is the number of its primes.",
            "Let share return os.environ['AZ_BATCH_NODE_ID'], and print the answers without "
            "adding them up.",
        )
    if len(named) < TEAM:
        return Missing(
            f"the output of the primary has the ids of {len(named)} of {TEAM} nodes.",
            "The environment of the primary has only its own id. Who knows the others?",
            "Ask each node, as the program that counts primes does.",
        )
    return "each of the three nodes reported its id."


@exercise("11-2", "Five nodes at once", Task)
def _forecast(task: Task) -> str | Missing:
    settings = task.multi_instance_settings
    if settings is None or settings.number_of_instances != WIDE:
        return _not_on(WIDE, "Use weather.multi_instance_settings, as the first task does.")
    if task.state != "completed":
        pool = Pool(task._connection, Job(task._connection, task.job_id).pool_id)
        codes = task.explain().codes
        if "NoInterNodeCommunication" in codes:
            return Missing(
                "the nodes of its pool may not talk to each other.",
                "This is set when a pool is created. It may be changed while the pool is empty.",
                "Use enable_inter_node_communication=True in a pool with another id.",
            )
        if "NotOneSlot" in codes:
            return Missing(
                f"a node of its pool has {pool.task_slots_per_node} slots.",
                "Nodes that talk to each other must run one task at a time.",
                "Leave task_slots_per_node at its default.",
            )
        if "TooFewNodes" in codes:
            return Missing(
                f"its pool has {len(pool.nodes)} nodes.",
                "How many does the task need at once?",
                "Call pool.resize(...), or use a larger target_dedicated_nodes.",
            )
        return Missing(
            f"the task is {task.state}, not completed.",
            "task.wait() advances the clock as far as needed.",
            "To see why: task.explain().",
        )
    if task.exit_code != 0:
        return _failed(task)
    return "five nodes worked together."


def _not_on(count: int, second_hint: str) -> Missing:
    return Missing(
        f"this is not a multi-instance task on {count} nodes.",
        "create_task takes multi_instance_settings.",
        second_hint,
    )


def _failed(task: Task) -> Missing:
    return Missing(
        "the task failed.",
        "A task on several nodes fails as a whole. What does it say on stderr?",
        "Look at task.stderr. failure_info says whether a subtask on another node failed, and "
        "task.subtask_files(1).text('stderr.txt') has its error messages.",
    )
