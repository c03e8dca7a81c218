"""What a task waits for before it runs, and what happens when it ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from batchlab.core.model.base import Model
from batchlab.core.model.ids import check_id, fold
from batchlab.errors import InvalidRequest, invalid

JobAction = Literal["none", "disable", "terminate"]
DependencyAction = Literal["satisfy", "block"]


MOST_RANGES = 1000
"""How many ranges a task may depend on; Azure has a limit too, but does not document it."""


class TaskIdRange(Model, frozen=True, kw_only=True):
    """Tasks whose ids are the whole numbers from `start` to `end`, inclusive."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise invalid(
                "start", self.start, f"must be from 0 to the end, {self.end}",
                owner="TaskIdRange",
            )  # fmt: skip


class TaskDependencies(Model, frozen=True, kw_only=True):
    """Tasks of the same job that a task waits for. A list of ids works as well.

    Parameters
    ----------
    task_ids : list of str, optional
        The tasks need not exist yet. The ids may have at most 64,000 characters in total.
    task_id_ranges : list of TaskIdRange, optional
        At most 1000. A task must exist and satisfy the dependency for every number in a range;
        ``4``, ``04`` and ``004`` are the same number.
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
                "TaskDependencies.task_ids may have at most 64000 characters in total: use "
                "task_id_ranges",
                {"PropertyName": "task_ids"},
            )
        if len(self.task_id_ranges) > MOST_RANGES:
            raise InvalidRequest(
                "TaskDependencyRangesTooLong",
                f"TaskDependencies.task_id_ranges has {len(self.task_id_ranges)} ranges, but may "
                f"have at most {MOST_RANGES}: merge adjacent ranges",
                {"PropertyName": "task_id_ranges"},
            )


class ExitOptions(Model, frozen=True, kw_only=True):
    """What happens when a task ends in a certain way.

    Parameters
    ----------
    job_action : {"none", "disable", "terminate"}, optional
        What happens to the job. If omitted, ``none`` for exit code 0 and otherwise ``terminate``.
        It only has an effect in a job with ``on_task_failure="performexitoptionsjobaction"``.
    dependency_action : {"satisfy", "block"}, optional
        What happens to the tasks that depend on this one. If omitted, ``satisfy`` for exit code 0
        and otherwise ``block``.
    """

    job_action: JobAction | None = None
    dependency_action: DependencyAction | None = None


class ExitCodeMapping(Model, frozen=True, kw_only=True):
    """One exit code, and what happens after it."""

    code: int
    exit_options: ExitOptions


class ExitCodeRangeMapping(Model, frozen=True, kw_only=True):
    """Exit codes from `start` to `end`, inclusive, and what happens after them."""

    start: int
    end: int
    exit_options: ExitOptions

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise invalid("start", self.start, f"must not be greater than the end, {self.end}",
                          owner="ExitCodeRangeMapping")  # fmt: skip


class ExitConditions(Model, frozen=True, kw_only=True):
    """What happens when a task has ended by itself, after its last retry.

    A task that is terminated on request takes no action, and does not satisfy a dependency.

    Parameters
    ----------
    exit_codes : list of ExitCodeMapping, optional
    exit_code_ranges : list of ExitCodeRangeMapping, optional
    pre_processing_error : ExitOptions, optional
        For a command that was never started because a file or program was missing.
    file_upload_error : ExitOptions, optional
        For output files that could not be uploaded; a listed exit code takes precedence.
    default : ExitOptions, optional
        For every other failure.
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
    """Where a task should run if possible: the `affinity_id` of a node."""

    affinity_id: str

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        return cls(affinity_id=value) if isinstance(value, str) else None

    @property
    def node_id(self) -> str:
        """The node's id, as nodes are stored."""
        return fold(self.affinity_id.removeprefix("TVM:"))
