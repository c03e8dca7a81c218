"""What keeps a node from taking tasks, and which start, preparation and release tasks failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchlab.core.answers.explain_ended import explain_node_tasks, node_task_failure
from batchlab.core.answers.explain_pool import explain_trouble
from batchlab.core.answers.reasons import Reason, remedied

if TYPE_CHECKING:
    from batchlab.core.state.records import NodeRecord
    from batchlab.core.state.state import State

_AGAIN = "node.reboot() runs it again; pool.update(start_task=...) fixes it first"
_PREPARE = "node.reimage(), or create a job whose preparation task succeeds"
_RELEASE = "what it should have cleaned up may still be there"


def explain_node(state: State, node: NodeRecord) -> list[Reason]:
    """Why a node takes no tasks, or none of some jobs; empty if all is well."""
    start = [node.start] if node.start is not None else []
    reasons = explain_node_tasks(start, _AGAIN)
    if node.phase.state != "starttaskfailed":
        reasons = [*explain_trouble(state, node), *reasons]
    for footprint in node.footprints.values():
        job = footprint.job
        preparation, release = job.spec.job_preparation_task, job.spec.job_release_task
        for node_task, spec, advice in (
            (footprint.preparation, preparation, _PREPARE),
            (footprint.release, release, _RELEASE),
        ):
            if node_task is not None and spec is not None and node_task_failure(node_task):
                path = f"{job.directory}/{spec.id}/stderr.txt"
                cure = f"look at node.files.text({path!r}); {advice}"
                (reason,) = explain_node_tasks([node_task], cure)
                text = f"Job {job.spec.id!r}: {reason.text[:1].lower()}{reason.text[1:]}"
                reasons.append(Reason(code=reason.code, text=text, lasting=True, remedy=cure))
    return remedied(reasons)
