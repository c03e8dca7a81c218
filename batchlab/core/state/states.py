"""All states, declared once: one row per state, from which everything else is derived.

The core uses a row's groups and the states that may follow, billing its activity, and displays its
label, letter and colour; browser pages receive the rows as data. A new state is a row here and a
phase with its data (`phases`).

Groups of node states:

    up ......... the node's agent is there and can receive commands
    started .... its start task is over
    serving .... its start task has succeeded: it is in service, or offline
    taking ..... it takes tasks
    busy ....... tasks hold its slots
    coming ..... it will take tasks if all goes well
    awaited .... the driver has to provide a machine for it
    lost ....... contact with it was lost
    occupied ... processes may run there
    away ....... it is deallocated, or about to be
    resting .... it stays as it is until a user does something, or a task is placed there
    rebootable, deallocatable, preemptible ... what can be done to it

Groups of pool states: usable (it has nodes or may get some). Groups of job states: going (its
queued tasks run as soon as they can), held (they wait until it is enabled), and resting, as above.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple


class StateRow(NamedTuple):
    """One state of one kind of resource.

    Attributes
    ----------
    name : str
        Its wire string.
    label : str
        Its name for people.
    colour : str
        A role of `batchlab.colours`, which explains the roles.
    groups : str
        Its groups, separated by spaces.
    follows : str
        The states that may follow.
    letter : str
        A letter with the same meaning as the colour.
    activity : str
        The activity that a node in this state is billed for (see `state.activity`); empty while
        it has no machine.
    refusal : str
        The error code if an operation on a node is not possible in this state.
    counted_as : str
        The property of Azure's node counts that counts it, if its name is different.
    """

    name: str
    label: str
    colour: str
    groups: str = ""
    follows: str = ""
    letter: str = ""
    activity: str = ""
    refusal: str = "NodeNotReady"
    counted_as: str = ""


class States(Mapping[str, StateRow]):
    """The states of one kind of resource by name, in display order."""

    def __init__(self, *rows: StateRow) -> None:
        self._rows = {row.name: row for row in rows}
        self._groups: dict[str, tuple[str, ...]] = {}
        for row in rows:
            for group in row.groups.split():
                self._groups[group] = (*self._groups.get(group, ()), row.name)
        self.follows = {row.name: frozenset(row.follows.split()) for row in rows}

    def __getitem__(self, name: str) -> StateRow:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def group(self, name: str) -> tuple[str, ...]:
        """The names of the states of a group."""
        return self._groups[name]

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """All groups, by name."""
        return dict(self._groups)


class Legend(NamedTuple):
    """A name for people, and the role of its colour."""

    label: str
    colour: str


ACTIVITIES = {
    "tasks": Legend("tasks", "good"),
    "preparation": Legend("preparation", "preparing"),
    "release": Legend("release", "leaving"),
    "starttask": Legend("start task", "starting"),
    "idle": Legend("idle", "idle"),
    "boot": Legend("boot", "asked"),
    "down": Legend("down", "failed"),
}
"""The activities of a node while it is billed; see `state.activity`."""

DELETED = StateRow("deleted", "gone", "away")
"""The last state of every resource: it is no longer listed."""

NODE = States(
    StateRow("creating", "creating", "asked", letter="c",
             groups="coming awaited", refusal="NodeBeingCreated",
             follows="starting leavingpool preempted"),
    StateRow("starting", "starting", "starting", letter="s", activity="boot",
             groups="coming deallocatable preemptible", refusal="NodeBeingStarted",
             follows="waitingforstarttask idle offline rebooting reimaging unknown unusable "
                     "starting deallocating leavingpool preempted"),
    StateRow("waitingforstarttask", "start task runs", "preparing", letter="w",
             activity="starttask", counted_as="waitingForStartTask",
             groups="up coming occupied deallocatable preemptible", refusal="NodeBeingStarted",
             follows="idle offline starttaskfailed rebooting reimaging unknown deallocating "
                     "leavingpool preempted"),
    StateRow("idle", "idle", "idle", letter="i", activity="idle",
             groups="up started serving taking occupied resting rebootable deallocatable "
                    "preemptible",
             follows="running offline rebooting reimaging deallocating unknown leavingpool "
                     "preempted"),
    StateRow("running", "running", "good", letter="r", activity="tasks",
             groups="up started serving taking busy occupied rebootable deallocatable preemptible",
             follows="idle offline rebooting reimaging deallocating unknown leavingpool "
                     "preempted"),
    StateRow("starttaskfailed", "start task failed", "failed", letter="f", activity="down",
             counted_as="startTaskFailed",
             groups="up started occupied resting rebootable deallocatable preemptible",
             follows="rebooting reimaging deallocating unknown leavingpool preempted"),
    StateRow("preempted", "preempted", "away", letter="p",
             groups="coming",
             follows="creating leavingpool"),
    StateRow("leavingpool", "leaving", "leaving", letter="l", activity="boot",
             counted_as="leavingPool",
             groups="occupied",
             follows="idle running offline leavingpool"),
    StateRow("unusable", "unusable", "failed", letter="u", activity="down",
             groups="lost resting rebootable deallocatable preemptible",
             refusal="NodeStateUnusable",
             follows="unusable starting rebooting reimaging deallocating leavingpool preempted"),
    StateRow("offline", "offline", "aside", letter="o", activity="idle",
             groups="up started serving occupied resting rebootable deallocatable preemptible",
             follows="idle running rebooting reimaging deallocating unknown leavingpool "
                     "preempted"),
    StateRow("rebooting", "rebooting", "starting", letter="b", activity="boot",
             groups="coming awaited occupied", refusal="NodeBeingRebooted",
             follows="starting reimaging unknown unusable leavingpool preempted"),
    StateRow("reimaging", "reimaging", "starting", letter="m", activity="boot",
             groups="coming awaited occupied", refusal="NodeBeingReimaged",
             follows="starting rebooting unknown unusable leavingpool preempted"),
    StateRow("deallocating", "deallocating", "leaving", letter="d", activity="boot",
             groups="away occupied", refusal="OperationInvalidForCurrentState",
             follows="deallocated leavingpool"),
    StateRow("deallocated", "deallocated", "away", letter="z",
             groups="away resting", refusal="OperationInvalidForCurrentState",
             follows="starting leavingpool"),
    StateRow("unknown", "contact lost", "trouble", letter="?", activity="down",
             groups="lost coming awaited", refusal="NodeStateUnusable",
             follows="starting unusable unknown leavingpool preempted"),
)  # fmt: skip

POOL = States(
    StateRow("active", "active", "idle", groups="usable", follows="deleting"),
    StateRow("deleting", "deleting", "leaving"),
)
ALLOCATION = States(
    StateRow("steady", "steady", "idle", follows="resizing"),
    StateRow("resizing", "resizing", "starting", follows="steady stopping resizing"),
    StateRow("stopping", "stopping", "leaving", follows="steady resizing"),
)
JOB = States(
    StateRow("active", "active", "idle", groups="going resting",
             follows="disabling terminating deleting"),
    StateRow("disabling", "disabling", "aside", groups="held",
             follows="disabling disabled enabling terminating deleting"),
    StateRow("disabled", "disabled", "aside", groups="held resting",
             follows="enabling terminating deleting"),
    StateRow("enabling", "enabling", "starting", groups="going", follows="active"),
    StateRow("terminating", "terminating", "leaving", follows="completed deleting"),
    StateRow("completed", "completed", "aside", groups="resting", follows="deleting"),
    StateRow("deleting", "deleting", "leaving"),
)  # fmt: skip
JOB_SCHEDULE = States(
    StateRow("active", "active", "idle", follows="disabled terminating completed deleting"),
    StateRow("disabled", "disabled", "aside", follows="active terminating deleting"),
    StateRow("terminating", "terminating", "leaving", follows="completed deleting"),
    StateRow("completed", "completed", "aside", follows="deleting"),
    StateRow("deleting", "deleting", "leaving"),
)
TASK = States(
    StateRow("active", "active", "idle", follows="preparing running completed"),
    StateRow("preparing", "preparing", "preparing", follows="active running completed"),
    StateRow("running", "running", "good", follows="active completed"),
    StateRow("completed", "completed", "aside", follows="active"),
)
NODE_TASK = States(
    StateRow("running", "running", "good", follows="running completed"),
    StateRow("completed", "completed", "aside", follows="running"),
)
CERTIFICATE = States(
    StateRow("active", "active", "idle", follows="deleting"),
    StateRow("deleting", "deleting", "leaving", follows="deletefailed"),
    StateRow("deletefailed", "delete failed", "failed", follows="active deleting"),
)

RESULT = States(
    StateRow("success", "succeeded", "good"),
    StateRow("failure", "failed", "failed"),
)
"""The result of a task or of a run: not a state, but shown like one."""

KINDS: dict[str, States] = {
    "task": TASK,
    "node": NODE,
    "job": JOB,
    "job schedule": JOB_SCHEDULE,
    "node task": NODE_TASK,
    "certificate": CERTIFICATE,
    "pool": POOL,
    "allocation": ALLOCATION,
}
"""The kinds of resources whose transitions are checked: one that no row allows is a bug."""

WAITABLE: dict[str, tuple[str, ...]] = {
    "pool": (*POOL, *ALLOCATION, DELETED.name),
    "node": tuple(NODE),
    "job": (*JOB, DELETED.name),
    "job schedule": (*JOB_SCHEDULE, DELETED.name),
    "task": (*TASK, DELETED.name),
    "certificate": (*CERTIFICATE, DELETED.name),
}
"""The states that a wait accepts, for each kind of resource."""

_BY_WORD = {
    word: row
    for table in (*KINDS.values(), RESULT)
    for row in table.values()
    for word in (row.name, row.label)
}


def outcome_of(result: str | None, state: str) -> str:
    """How a task ended, in a word for people; its state while it has not."""
    return RESULT[result].label if result else state


def colour_of(word: str) -> str:
    """The colour role of a state or result; empty for any other word."""
    return _BY_WORD[word].colour if word in _BY_WORD else ""
