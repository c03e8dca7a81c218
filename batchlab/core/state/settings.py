"""What holds for a whole lab."""

from __future__ import annotations

import msgspec

from batchlab.core.model import Quotas

__all__ = ["ACCOUNT_URL", "Settings"]

ACCOUNT_URL = "https://{}.local.batch.azure.com"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a whole lab.

    Parameters
    ----------
    account_name : str, default "batchlab"
        What tasks see as ``AZ_BATCH_ACCOUNT_NAME``.
    account_url : str
        What tasks see as ``AZ_BATCH_ACCOUNT_URL``.
    quotas : Quotas
        What the account may have at a time.
    spot_return_s : float, default 300
        How long a preempted node stays away, in seconds of lab time.
    sample_delay_s : float, default 60
        How old a sample is when an autoscale formula first sees it, in seconds of lab time.
    sample_nodes : bool, default True
        Whether nodes are measured while their pool follows a formula. For simulations of a formula
        that looks at no such variable.
    isolate_users : bool, default False
        Whether runs really run as the users they name; else who they would be is only recorded.
    """

    account_name: str = "batchlab"
    account_url: str = ACCOUNT_URL.format("batchlab")
    quotas: Quotas = Quotas()
    spot_return_s: float = 300.0
    sample_delay_s: float = 60.0
    sample_nodes: bool = True
    isolate_users: bool = False
