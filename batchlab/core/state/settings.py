"""Settings of a whole lab."""

from __future__ import annotations

import msgspec

from batchlab.core.model import OWN_SIZES, Quotas
from batchlab.core.model.containers import Engines
from batchlab.core.model.quotas import Restricted

__all__ = ["ACCOUNT_URL", "Settings", "may_have_price"]

ACCOUNT_URL = "https://{}.local.batch.azure.com"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a whole lab.

    Parameters
    ----------
    account_name : str, default "batchlab"
        The value of ``AZ_BATCH_ACCOUNT_NAME`` in tasks.
    account_url : str
        The value of ``AZ_BATCH_ACCOUNT_URL`` in tasks.
    quotas : Quotas
        How many resources the account may have at the same time.
    not_enabled : tuple of str, default ()
        Properties of jobs that are not enabled for the account: ``"max_parallel_tasks"``,
        ``"allow_task_preemption"``.
    spot_return_s : float, default 300
        How long a preempted node stays away, in seconds of lab time.
    sample_delay_s : float, default 30
        How old a sample is when an autoscale formula first sees it, in seconds of lab time.
    sample_nodes : bool, default True
        Whether nodes are measured while autoscale is on. False saves time when simulating a
        formula that does not use these variables.
    isolate_users : bool, default False
        Whether commands really run as their users; otherwise the user is only recorded.
    containers : {"auto", "podman", "docker"}, default "auto"
        What runs the containers of tasks.
    prices : bool, default True
        Whether the sizes that are not Azure's have prices.
    rules : int, default 3
        What the service does; a journal is read with the rules it was written with. 3: the tasks
        of a job no longer wait for a job manager that has ended in the queue; a task that was
        ended on request has no exit condition; the id of an auto pool is a GUID; a run that fails
        while its task is being queued again is no retry; a node that drains before it leaves runs
        releases; a task may name a user that its pool lacks; VM sizes that Azure cannot have are
        refused; a formula's resize waits 15 minutes for machines at most; a schedule deletes the
        pool of its jobs even if later jobs were to use another pool. 2: windows of samples
        need 70 %, and ``GetSample(n)`` may be empty. 1: none of this, as in journals that do not
        mention rules.
    """

    account_name: str = "batchlab"
    account_url: str = ACCOUNT_URL.format("batchlab")
    quotas: Quotas = Quotas()
    not_enabled: tuple[Restricted, ...] = ()
    spot_return_s: float = 300.0
    sample_delay_s: float = 30.0
    sample_nodes: bool = True
    isolate_users: bool = False
    containers: Engines = "auto"
    prices: bool = True
    rules: int = 3


def may_have_price(settings: Settings, vm_size: str) -> bool:
    """Whether nodes of a size may have a price: on one's own machines only where it was asked."""
    return settings.prices or vm_size.lower() not in OWN_SIZES
