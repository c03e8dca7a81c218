"""A hand-moved world of nodes: commands are looked at, reports are spoken, time is set."""

from __future__ import annotations

from typing import Any

import pytest

from batchlab.core import invariants
from batchlab.core.machine import Core, Settings
from batchlab.core.messages import facts, inputs, questions
from batchlab.core.messages.outputs import (
    CancelRun,
    Command,
    DeleteFiles,
    ForgetCertificate,
    ForgetJob,
    MeasureNodes,
    ReleaseNode,
    RestartNode,
    StartNode,
    StartRun,
    StopNode,
    TakeBack,
)
from batchlab.core.model import JobSpec, PoolSpec, Quotas, TaskSpec
from batchlab.core.model.ids import RunId
from batchlab.core.model.values import FailureInfo
from batchlab.errors import BatchError
from batchlab.rest.errors import error_content
from helpers.digest import digest
from helpers.wire_words import check_error


class World:
    """A core, and what it has said since somebody last looked.

    `do` feeds a request, `tell` a report; both check the invariants. `said()` returns the commands
    since the last look and forgets them; a test that ends with unlooked-at commands fails.
    `MeasureNodes`, which come with every sample of a pool, are kept apart in `measurements`.
    """

    def __init__(self, **settings: Any) -> None:
        quotas = {name: settings.pop(name) for name in list(settings) if name.endswith("_quota")}
        self.core = Core(Settings(quotas=Quotas(**quotas), **settings))
        self.now = 1_000_000.0
        self.unseen: list[Command] = []
        self.measurements: list[Command] = []

    def feed(self, item: inputs.Input) -> list[Command]:
        step = self.core.handle(self.now, item)
        invariants.check(self.core.state)
        for command in step.commands:
            kept = self.measurements if isinstance(command, MeasureNodes) else self.unseen
            kept.append(command)
        return step.commands

    def said(self) -> list[Command]:
        commands, self.unseen = self.unseen, []
        return commands

    def told(self) -> list[tuple[Any, ...]]:
        """All commands since the last look, each in short."""
        return [_short(command) for command in self.said()]

    def refused(self, item: inputs.Request) -> BatchError:
        """Feed a request that must be refused, and must leave everything as it is."""
        before = digest(self.core, self.now)
        with pytest.raises(BatchError) as caught:
            self.core.handle(self.now, item)
        assert digest(self.core, self.now) == before
        check_error(error_content(caught.value))
        return caught.value

    def nothing_else(self) -> None:
        assert self.said() == []

    def later(self, seconds: float) -> list[Command]:
        """Let time pass, stopping at each deadline."""
        end = self.now + seconds
        while (due := self.core.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.feed(facts.DeadlineReached())
        self.now = end
        return self.unseen

    # -- shorthands ------------------------------------------------------------------------------

    def pool(self, pool_id: str = "p", nodes: int = 1, **kw: Any) -> list[str]:
        """A pool whose nodes are all up; returns their ids."""
        self.feed(inputs.CreatePool(spec=PoolSpec(id=pool_id, target_dedicated_nodes=nodes, **kw)))
        return self.boot()

    def boot(self) -> list[str]:
        """Start every node that was asked for; start tasks remain to be answered."""
        ids = []
        for command in self.said():
            if isinstance(command, (StartNode, RestartNode)):
                self.allocated(command.node_id, command.boot)
                self.started(command.node_id, command.boot)
                ids.append(command.node_id)
            else:
                self.unseen.append(command)
        return ids

    def allocated(self, node_id: str, boot: int = 1) -> None:
        self.feed(facts.NodeAllocated(node_id=node_id, boot=boot, ip_address="127.0.1.1"))

    def started(self, node_id: str, boot: int = 1) -> None:
        self.feed(facts.NodeStarted(node_id=node_id, boot=boot))

    def lost(self, node_id: str, boot: int = 1) -> None:
        self.feed(facts.NodeLost(node_id=node_id, boot=boot))

    def deallocated(self, node_id: str, boot: int = 2, **kw: Any) -> None:
        self.feed(facts.NodeReleased(node_id=node_id, boot=boot, **kw))

    def gone(self, *node_ids: str) -> None:
        for node_id in node_ids:
            self.feed(facts.NodeStopped(node_id=node_id))

    def job(self, job_id: str = "j", pool: str = "p", **kw: Any) -> None:
        self.feed(inputs.CreateJob(spec=JobSpec(id=job_id, pool_info=pool, **kw)))

    def tasks(self, *ids: str, job: str = "j", command_line: str = "x", **kw: Any) -> None:
        specs = tuple(TaskSpec(id=i, command_line=command_line, **kw) for i in ids)
        self.feed(inputs.CreateTasks(job_id=job, specs=specs))

    def exit(
        self, run: StartRun | RunId, code: int | None = 0, *, cancelled: bool = False,
        failure: FailureInfo | None = None,
    ) -> None:  # fmt: skip
        run_id = run.run_id if isinstance(run, StartRun) else run
        self.feed(
            facts.RunExited(run_id=run_id, exit_code=code, cancelled=cancelled, failure=failure)
        )

    def runs(self) -> list[StartRun]:
        """The runs commanded since the last look, when nothing else was."""
        said = self.said()
        assert all(isinstance(command, StartRun) for command in said), said
        return said  # type: ignore[return-value]

    def run(self) -> StartRun:
        """The one run that was commanded."""
        (run,) = self.runs()
        return run

    def state(self, task_id: str, job: str = "j") -> str:
        return self.task(task_id, job).state

    def task(self, task_id: str, job: str = "j") -> Any:
        return self.ask(questions.GetTask(job_id=job, task_id=task_id))

    def job_view(self, job: str = "j") -> Any:
        return self.ask(questions.GetJob(job_id=job))

    def pool_view(self, pool: str = "p") -> Any:
        return self.ask(questions.GetPool(pool_id=pool))

    def nodes(self, pool: str = "p") -> list[Any]:
        return self.ask(questions.ListNodes(pool_id=pool))

    def rows(self, job: str = "j") -> list[Any]:
        return self.ask(questions.ListPreparations(job_id=job))

    def reasons(self, task_id: str, job: str = "j") -> list[str]:
        found = self.ask(questions.ExplainTask(job_id=job, task_id=task_id))
        return [reason.code for reason in found]

    def refused_question(self, question: questions.Question) -> BatchError:
        """Ask what must be refused."""
        with pytest.raises(BatchError) as caught:
            self.core.ask(question, self.now)
        return caught.value

    def ask(self, question: questions.Question) -> Any:
        return self.core.ask(question, self.now)


def _short(command: Command) -> tuple[Any, ...]:
    match command:
        case StartNode(node_id=node_id, boot=boot):
            return "StartNode", node_id, boot
        case RestartNode(node_id=node_id, boot=boot, reimage=reimage):
            return "RestartNode", node_id, boot, reimage
        case ReleaseNode(node_id=node_id, boot=boot):
            return "ReleaseNode", node_id, boot
        case StopNode(node_id=node_id):
            return "StopNode", node_id
        case StartRun(run_id=run_id, kind=kind):
            return kind, run_id.job_id, run_id.task_id, run_id.node_id
        case CancelRun(run_id=run_id):
            return "CancelRun", run_id.task_id, run_id.node_id
        case TakeBack(node_id=node_id, run_ids=run_ids):
            return "TakeBack", node_id, *[run_id.task_id for run_id in run_ids]
        case ForgetJob(job_id=job_id, node_id=node_id):
            return "ForgetJob", job_id, node_id
        case ForgetCertificate(thumbprint=thumbprint):
            return "ForgetCertificate", thumbprint
        case DeleteFiles(node_id=node_id, directories=directories):
            return "DeleteFiles", node_id, *directories
    raise TypeError(command)


__all__ = ["StopNode", "World"]
