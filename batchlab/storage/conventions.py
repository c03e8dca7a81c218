"""The file conventions of Azure Batch: where the outputs of a job and its tasks are stored.

Each job has a container named after it, so its outputs can be found from the job's id alone. The
outputs of the job itself are ``$JobOutput/...``, those of a task ``<task id>/$TaskOutput/...``.
The kinds separate final outputs from previews, logs and intermediate files.
"""

from __future__ import annotations

import re
from typing import Literal

from batchlab.core.model.files import is_container_name
from batchlab.errors import invalid

__all__ = [
    "JOB_KINDS",
    "TASK_KINDS",
    "JobOutputKind",
    "TaskOutputKind",
    "job_container_name",
    "output_prefix",
]

JobOutputKind = Literal["JobOutput", "JobPreview"]
TaskOutputKind = Literal["TaskOutput", "TaskPreview", "TaskLog", "TaskIntermediate"]
JOB_KINDS = ("JobOutput", "JobPreview")
TASK_KINDS = ("TaskOutput", "TaskPreview", "TaskLog", "TaskIntermediate")
_DASHES = re.compile("[:_-]+")
_CLEANED = 15


def job_container_name(job_id: str) -> str:
    """Return the name of the container that holds the outputs of a job.

    This is ``job-`` and the id in lower case if that is a valid container name. Otherwise it is
    ``job-``, the valid part of the id, and the SHA-1 hash of the id in lower case.
    """
    lower = job_id.lower()
    name = f"job-{lower}"
    if is_container_name(name):
        return name
    import hashlib  # noqa: PLC0415 - slow to load, and only for some names

    cleaned = _DASHES.sub("-", lower).strip("-")[:_CLEANED].strip("-") or "job"
    digest = hashlib.sha1(lower.encode(), usedforsecurity=False).hexdigest()
    return f"job-{cleaned}-{digest}"


def output_prefix(kind: str, task_id: str | None, owner: str) -> str:
    """Return the prefix of the output names of a kind, without a trailing slash.

    Raises `InvalidRequest` ``InvalidPropertyValue`` for an unknown kind.
    """
    kinds = JOB_KINDS if task_id is None else TASK_KINDS
    found = next((known for known in kinds if known.lower() == str(kind).lower()), None)
    if found is None:
        raise invalid("kind", kind, f"must be one of {', '.join(kinds)}", owner=owner)
    return f"${found}" if task_id is None else f"{task_id}/${found}"
