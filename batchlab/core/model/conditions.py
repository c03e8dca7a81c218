"""What a task waits for before it runs, and what follows from how it ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from batchlab.core.model.base import Model
from batchlab.core.model.ids import check_id, fold
from batchlab.errors import InvalidRequest, invalid

JobAction = Literal["none", "disable", "terminate"]
DependencyAction = Literal["satisfy", "block"]


MOST_RANGES = 1000
"""How many ranges a task may wait for; Azure has a limit too, and does not say which."""


class TaskIdRange(Model, frozen=True, kw_only=True):
    """All whole numbers from `start` to `end`: tasks whose ids are these numbers."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise invalid(
                "start", self.start, f"must be 0 or more, and not above the end {self.end}",
                owner="TaskIdRange",
            )  # fmt: skip


class TaskDependencies(Model, frozen=True, kw_only=True):
    """Tasks of the same job that a task waits for. A list of ids says the same.

    Parameters
    ----------
    task_ids : list of str, optional
        They need not exist yet; together at most 64,000 characters.
    task_id_ranges : list of TaskIdRange, optional
        Each number must be satisfied, also one that no task has; ``4``, ``04`` and ``004`` are
        one number. At most 1000 ranges.
    """

    task_ids: tuple[str, ...] = ()
    task_id_ranges: tuple[TaskIdRange, ...] = ()

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        if isinstance(value, str):
            reason = f"must be a list of ids: [{value!r}]"
            raise invalid("depends_on", value, reason, owner="TaskSpec")
        listed = isinstance(value, Iterable) and not isinstance(value, (bytes, dict))
        return cls(task_ids=tuple(value)) if listed else None

    def __post_init__(self) -> None:
        for task_id in self.task_ids:
            check_id(task_id, "task_ids", "TaskDependencies")
        if sum(map(len, self.task_ids)) > 64_000:
            raise InvalidRequest(
                "TaskDependencyListTooLong",
                "TaskDependencies.task_ids may have 64000 characters together: use task_id_ranges",
                {"PropertyName": "task_ids"},
            )
        if len(self.task_id_ranges) > MOST_RANGES:
            raise InvalidRequest(
                "TaskDependencyRangesTooLong",
                f"TaskDependencies.task_id_ranges has {len(self.task_id_ranges)} ranges, and may "
                f"have {MOST_RANGES}: join those that touch",
                {"PropertyName": "task_id_ranges"},
            )


class ExitOptions(Model, frozen=True, kw_only=True):
    """What follows from one kind of end.

    Parameters
    ----------
    job_action : {"none", "disable", "terminate"}, optional
        What becomes of the job; ``none`` for exit code 0, else ``terminate``, if omitted. Counts
        only in a job with ``on_task_failure="performexitoptionsjobaction"``.
    dependency_action : {"satisfy", "block"}, optional
        What becomes of the tasks that depend on this one; ``satisfy`` for exit code 0, else
        ``block``, if omitted.
    """

    job_action: JobAction | None = None
    dependency_action: DependencyAction | None = None


class ExitCodeMapping(Model, frozen=True, kw_only=True):
    """One exit code, and what follows from it."""

    code: int
    exit_options: ExitOptions


class ExitCodeRangeMapping(Model, frozen=True, kw_only=True):
    """Exit codes from `start` to `end`, both included, and what follows from them."""

    start: int
    end: int
    exit_options: ExitOptions

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise invalid("start", self.start, f"must not be above the end {self.end}",
                          owner="ExitCodeRangeMapping")  # fmt: skip


class ExitConditions(Model, frozen=True, kw_only=True):
    """How a task's end is taken, after its last retry.

    Parameters
    ----------
    exit_codes : list of ExitCodeMapping, optional
    exit_code_ranges : list of ExitCodeRangeMapping, optional
    pre_processing_error : ExitOptions, optional
        For a command that was never launched: a file or program was missing.
    file_upload_error : ExitOptions, optional
        For output files that could not be uploaded; a listed exit code comes first.
    default : ExitOptions, optional
        For every failure that nothing above is said about.
    """

    exit_codes: tuple[ExitCodeMapping, ...] = ()
    exit_code_ranges: tuple[ExitCodeRangeMapping, ...] = ()
    pre_processing_error: ExitOptions | None = None
    file_upload_error: ExitOptions | None = None
    default: ExitOptions | None = None

    def options(self) -> list[ExitOptions]:
        """All options that are given."""
        listed = [entry.exit_options for entry in self.exit_codes]
        listed += [entry.exit_options for entry in self.exit_code_ranges]
        special = (self.pre_processing_error, self.file_upload_error, self.default)
        return [*listed, *(options for options in special if options is not None)]


class AffinityInfo(Model, frozen=True, kw_only=True):
    """Where a task would like to run: the `affinity_id` of a node. Only a hint."""

    affinity_id: str

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        return cls(affinity_id=value) if isinstance(value, str) else None

    @property
    def node_id(self) -> str:
        """The node that is meant, under the id that nodes are kept by."""
        return fold(self.affinity_id.removeprefix("TVM:"))
