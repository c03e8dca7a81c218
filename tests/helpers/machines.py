"""Machines that answer: what a world of nodes owes a core, and what it can be told at all.

`Machines.obey` takes the commands of a step and notes what is owed for them: a node that was to
start must say so, or fail; a run must exit; a node that was to stop must be gone. It holds the
core to the world's own rules (nothing is told to a machine that is not there, no two runs of a
task overlap, a task does not start before its preparation), which are looked at from outside and
share nothing with the core's invariants. The other methods build the reports that pay a debt.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from batchlab.core.messages import facts
from batchlab.core.messages.outputs import (
    CancelRun,
    Command,
    DeleteFiles,
    EvictNode,
    ForgetJob,
    MeasureNodes,
    ReleaseNode,
    RestartNode,
    StartApplication,
    StartNode,
    StartRun,
    StopNode,
    TakeBack,
)
from batchlab.core.model.ids import RunId
from batchlab.core.model.values import FailureInfo

OVERDUE = FailureInfo(category="ServerError", code="TaskEnded", message="over its wall clock")
UNSENT = FailureInfo(category="UserError", code="FileUploadMiscError", message="not uploaded")
MISSING = FailureInfo(category="UserError", code="CommandProgramNotFound", message="not found")


class Machines:
    """The nodes of a lab, as the core's commands have made them.

    `stages` of a node: ``asked`` (a machine is owed), ``allocated``, ``up``, ``failed``,
    ``trying`` (failed so far), ``releasing``, ``deallocated``, ``stopping``, ``lost``,
    ``evicted``. `ghosts` are runs that died with their node, whose exits may still be reported.
    """

    def __init__(self) -> None:
        self.boots: dict[str, int] = {}
        self.stages: dict[str, str] = {}
        self.had: dict[str, None] = {}
        self.away: dict[str, None] = {}
        self.runs: dict[RunId, StartRun] = {}
        self.cancelled: dict[RunId, None] = {}
        self.coordinated: dict[RunId, None] = {}
        self.begun: dict[RunId, None] = {}
        self.ghosts: list[RunId] = []
        self.prepared: dict[tuple[str, str], None] = {}
        self.slots: dict[str, int] = {}
        self.ahead: dict[RunId, StartRun] = {}
        self.recalls: list[TakeBack] = []
        self.lost_ahead: list[RunId] = []

    # -- what the core says ----------------------------------------------------------------------

    def obey(self, commands: Iterable[Command]) -> None:
        """Note what is owed for each command; refuse what no machine could do."""
        for command in commands:
            match command:
                case StartNode(node_id=node_id, boot=boot, task_slots=slots):
                    self.slots[node_id] = slots
                    startable = (None, "lost", "evicted", "deallocated")
                    assert self.stages.get(node_id) in startable, self._said(command)
                    self._begin(node_id, boot)
                case RestartNode(node_id=node_id, boot=boot):
                    lost = self.stages[node_id] == "lost" and command.reimage  # in the middle
                    assert lost or self.stages[node_id] in ("up", "failed", "trying"), self._said(
                        command
                    )
                    self._begin(node_id, boot)
                    if command.reimage:
                        self._forget(node_id)
                case ReleaseNode(node_id=node_id, boot=boot):
                    owed = ("releasing", "deallocated", "stopping", "evicted")
                    assert self.stages[node_id] not in owed, self._said(command)
                    self._begin(node_id, boot)
                    self.stages[node_id] = "releasing"
                case StopNode(node_id=node_id):
                    assert self.stages[node_id] != "stopping", self._said(command)
                    self._kill(node_id)
                    self.stages[node_id] = "stopping"
                case EvictNode(node_id=node_id):  # asked: it was deallocated
                    assert self.stages[node_id] in (
                        "up",
                        "failed",
                        "trying",
                        "allocated",
                        "asked",
                    ), self._said(command)
                    self._kill(node_id)
                    self._forget(node_id)
                    self.stages[node_id] = "evicted"
                    self.away[node_id] = None
                case MeasureNodes(node_ids=node_ids):
                    assert node_ids, self._said(command)
                    assert all(self.stages[name] == "up" for name in node_ids), self._said(command)
                case StartRun(ahead=True):
                    self._queue(command)
                case StartRun():
                    own = [r for r in self.ahead if r.node_id == command.run_id.node_id]
                    assert command.kind != "task" or not own, f"{command} overtakes {own}"
                    self._start(command)
                case TakeBack(node_id=node_id, run_ids=run_ids):
                    assert all(run_id.node_id == node_id for run_id in run_ids)
                    asked = [run_id for recall in self.recalls for run_id in recall.run_ids]
                    assert run_ids, self._said(command)
                    assert not set(run_ids) & set(asked), self._said(command)
                    assert all(run_id in self.ahead for run_id in run_ids), self._said(command)
                    self.recalls.append(command)
                case StartApplication(run_id=run_id):
                    self._begin_application(run_id)
                case CancelRun(run_id=run_id):
                    assert run_id in self.runs, self._said(command)
                    assert run_id not in self.cancelled, self._said(command)
                    self.cancelled[run_id] = None
                case ForgetJob(job_id=job_id, node_id=node_id):
                    assert self.stages[node_id] == "up", self._said(command)
                    assert not self._of(job_id, node_id), self._said(command)
                    assert all(r.job_id != job_id for r in self.ahead), self._said(command)
                case DeleteFiles(node_id=node_id, directories=directories):
                    assert self.stages[node_id] == "up", self._said(command)
                    self._delete(node_id, directories)

    def _begin(self, node_id: str, boot: int) -> None:
        assert boot > self.boots.get(node_id, 0)
        self._kill(node_id)
        self.boots[node_id] = boot
        self.stages[node_id] = "asked"

    def _start(self, run: StartRun) -> None:
        job_id, task_id, node_id, _ = run.run_id
        assert self.stages.get(node_id) == "up", self._said(run)
        assert run.run_id not in self.runs
        same = [r for r in (*self.runs, *self.ahead) if (r.job_id, r.task_id) == (job_id, task_id)]
        if run.kind == "task":
            busy = [r for r in self.runs.values() if r.run_id.node_id == node_id]
            tasks = sum(r.kind == "task" for r in busy)
            assert tasks < self.slots[node_id], f"{run.run_id} has no slot beside {busy}"
            assert not same or self._together(run, same), f"{run.run_id} overlaps {same}"
            if run.preparation_directory:
                assert (job_id, node_id) in self.prepared, f"{run.run_id} runs unprepared"
        else:
            assert all(other.node_id != node_id for other in same), f"{run.run_id} and {same}"
        if run.kind == "jobpreparation":
            self.prepared[job_id, node_id] = None
        if run.kind == "jobrelease":
            others = [r for r in self.runs.values() if r.run_id.job_id == job_id]
            assert all(r.kind == "jobrelease" for r in others), f"{run.run_id} beside {others}"
            assert all(r.job_id != job_id for r in self.ahead), f"{run.run_id} before {self.ahead}"
            assert (job_id, node_id) in self.prepared, f"{run.run_id} releases nothing"
        self.runs[run.run_id] = run

    def _queue(self, run: StartRun) -> None:
        """Keep a run until its node has a free slot."""
        job_id, task_id, node_id, _ = run.run_id
        assert self.stages.get(node_id) == "up", self._said(run)
        same = [r for r in (*self.runs, *self.ahead) if (r.job_id, r.task_id) == (job_id, task_id)]
        assert not same, f"{run.run_id} is queued beside {same}"
        if run.preparation_directory:
            assert (job_id, node_id) in self.prepared, f"{run.run_id} is queued unprepared"
        self.ahead[run.run_id] = run

    def _next(self, node_id: str) -> RunId | None:
        """Start the oldest run that waits on a node, if there is one and a free slot."""
        tasks = [r for r in self.runs.values() if r.run_id.node_id == node_id and r.kind == "task"]
        found = next((run_id for run_id in self.ahead if run_id.node_id == node_id), None)
        if found is not None and len(tasks) < self.slots[node_id]:
            self._start(self.ahead.pop(found))
            return found
        return None

    def start_ahead(self) -> facts.Report | None:
        """Start a run that waits on a node with a free slot."""
        for node_id in {run_id.node_id: None for run_id in self.ahead}:
            found = self._next(node_id)
            if found is not None:
                return facts.RunStarted(run_id=found)
        return None

    def take_back(self) -> facts.Report:
        """Answer the oldest recall."""
        run_ids = self.recalls.pop(0).run_ids
        taken = tuple(run_id for run_id in run_ids if self.ahead.pop(run_id, None) is not None)
        started = tuple(run_id for run_id in run_ids if run_id not in taken)
        return facts.TakenBack(taken=taken, started=started)

    def _together(self, run: StartRun, same: list[RunId]) -> bool:
        """Whether a run is a further subtask of an attempt that starts in this moment."""
        own, nodes = run.coordination, {run.run_id.node_id}
        for other in same:
            theirs = self.runs[other].coordination
            late = other in self.coordinated or other in self.cancelled or other.node_id in nodes
            if own is None or theirs is None or late or theirs.subtask >= own.subtask:
                return False
            nodes.add(other.node_id)
        return True

    def _begin_application(self, run_id: RunId) -> None:
        coordination = self.runs[run_id].coordination
        assert coordination is not None
        assert coordination.subtask == 0
        assert run_id not in self.begun
        assert run_id not in self.cancelled
        same = [r for r in self.runs if (r.job_id, r.task_id) == (run_id.job_id, run_id.task_id)]
        assert all(r in self.coordinated for r in same), f"{run_id} begins before {same}"
        self.begun[run_id] = None

    def _delete(self, node_id: str, directories: tuple[str, ...]) -> None:
        for directory in directories:
            parts = directory.split("/")
            assert parts[0] == "workitems", directory
            for run in self.runs.values():
                at_work = run.run_id.node_id == node_id
                inside = f"{run.directory}/".startswith(f"{directory}/")
                assert not (at_work and inside), f"{run} loses files"
            if len(parts) == 3:
                self.prepared.pop((parts[1], node_id), None)

    def _kill(self, node_id: str) -> None:
        for run_id in [r for r in self.runs if r.node_id == node_id]:
            del self.runs[run_id]
            self._strike(run_id)
            self.ghosts.append(run_id)
        for run_id in [r for r in self.ahead if r.node_id == node_id]:
            del self.ahead[run_id]
            self.lost_ahead.append(run_id)
        self.recalls = [recall for recall in self.recalls if recall.node_id != node_id]

    def _strike(self, run_id: RunId) -> None:
        for book in (self.cancelled, self.coordinated, self.begun):
            book.pop(run_id, None)

    def _forget(self, node_id: str) -> None:
        for key in [key for key in self.prepared if key[1] == node_id]:
            del self.prepared[key]

    def _of(self, job_id: str, node_id: str) -> list[RunId]:
        return [r for r in self.runs if (r.job_id, r.node_id) == (job_id, node_id)]

    def _said(self, command: Command) -> str:
        return f"{command} while the machines are {self.stages}, the runs {list(self.runs)}"

    # -- what happens to nodes -------------------------------------------------------------------

    def at(self, *stages: str) -> list[str]:
        """The nodes at these stages."""
        return [node_id for node_id, stage in self.stages.items() if stage in stages]

    def allocate(self, node_id: str) -> facts.Report:
        """Give a node its machine."""
        self.stages[node_id] = "allocated"
        self.had[node_id] = None
        self.away.pop(node_id, None)
        return facts.NodeAllocated(
            node_id=node_id, boot=self.boots[node_id], ip_address="127.0.1.1"
        )

    def start(self, node_id: str) -> facts.Report:
        """Have a node's agent come up."""
        self.stages[node_id] = "up"
        return facts.NodeStarted(node_id=node_id, boot=self.boots[node_id])

    def lose(self, node_id: str) -> facts.Report:
        """Lose a node with all that runs there."""
        self._kill(node_id)
        self.stages[node_id] = "lost"
        return facts.NodeLost(node_id=node_id, boot=self.boots[node_id])

    def lose_all(self) -> facts.Report:
        """Lose all machines with their disks, and with what was on its way to them."""
        for node_id, stage in self.stages.items():
            self._kill(node_id)
            self._forget(node_id)
            if stage not in ("deallocated", "evicted"):
                self.stages[node_id] = "lost"
        return facts.LabResumed()

    def fail(self, node_id: str, *, trying: bool = False) -> facts.Report:
        """Have no machine for a node, or none yet for one that had a machine."""
        boot = self.boots[node_id]
        report = facts.NodeStartFailed(node_id=node_id, boot=boot, trying=trying)
        if node_id in self.away:
            self.stages[node_id] = "evicted"  # it stays away, and is asked for again
        elif node_id in self.had:
            self.stages[node_id] = "trying" if trying else "failed"
        else:
            del self.stages[node_id]
        return report

    def release(self, node_id: str, *, files_kept: bool = True) -> facts.Report:
        """Take the machine of a node away, and perhaps its files."""
        self.stages[node_id] = "deallocated"
        if not files_kept:
            self._forget(node_id)
        boot = self.boots[node_id]
        return facts.NodeReleased(node_id=node_id, boot=boot, files_kept=files_kept)

    def stop(self, node_id: str) -> facts.Report:
        """Take a node away that was told to stop."""
        del self.stages[node_id]
        self._forget(node_id)
        return facts.NodeStopped(node_id=node_id)

    # -- what happens to runs --------------------------------------------------------------------

    def exit(self, run_id: RunId, how: str = "", *, then: bool = True) -> facts.Report:
        """End a run, and `then` start what waits on its node; otherwise that takes a moment."""
        report = self._exit(run_id, how)
        if then and isinstance(report, facts.RunExited):
            return msgspec.structs.replace(report, then=self._next(run_id.node_id))
        return report

    def _exit(self, run_id: RunId, how: str) -> facts.Report:
        """End a run: as ``how`` says, else as a well-behaved command would.

        ``1``: exit code 1, ``overdue``: killed by the clock, ``missing``: never launched,
        ``unsent``: its output files were not uploaded (``unsent 1``: after exit code 1),
        ``natural``: by itself, although it was to be cancelled. A subtask that is well behaved is
        first coordinated.
        """
        asked, failure = run_id in self.cancelled, self.runs[run_id].failure
        if not (how or asked or failure) and self._coordinates(run_id):
            self.coordinated[run_id] = None
            return facts.RunCoordinated(run_id=run_id)
        del self.runs[run_id]
        self._strike(run_id)
        if failure is not None:  # never begun, as the core said
            return facts.RunExited(run_id=run_id, failure=failure)
        if how == "missing":
            return facts.RunExited(run_id=run_id, failure=MISSING)
        if how == "overdue":
            return facts.RunExited(run_id=run_id, exit_code=137, failure=OVERDUE)
        if how in ("unsent", "unsent 1"):
            code = 1 if how == "unsent 1" else 0
            return facts.RunExited(run_id=run_id, exit_code=code, failure=UNSENT)
        if how == "1":
            return facts.RunExited(run_id=run_id, exit_code=1)
        if asked and how != "natural":
            return facts.RunExited(run_id=run_id, exit_code=137, cancelled=True)
        return facts.RunExited(run_id=run_id, exit_code=0)

    def answer(self) -> facts.Report | None:
        """Pay one debt in the way that all go well; None when nothing is owed."""
        for node_id, stage in self.stages.items():
            if stage in ("asked", "trying"):
                return self.allocate(node_id)
            if stage == "allocated":
                return self.start(node_id)
            if stage == "releasing":
                return self.release(node_id)
            if stage == "stopping":
                return self.stop(node_id)
        if self.recalls:
            return self.take_back()
        started = self.start_ahead()
        if started is not None:
            return started
        for run_id, run in self.runs.items():
            waits = run.coordination and not self._coordinates(run_id)
            if run_id in self.cancelled or run_id in self.begun or not waits:
                return self.exit(run_id)
        return None

    def _coordinates(self, run_id: RunId) -> bool:
        """Whether a run is a subtask whose coordination command has not returned yet."""
        return self.runs[run_id].coordination is not None and run_id not in self.coordinated
