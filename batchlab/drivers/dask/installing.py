"""Putting a node's agent on a worker, and calls to it that end when the worker is not heard.

A worker that is frozen or cut off does not refuse a call: it never answers. So a call to a node
that sends beats (see `batchlab.drivers.dask.lease`) is given up once some of them are missing.
"""

from __future__ import annotations

import asyncio
import pickle
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from distributed import Scheduler

from batchlab.drivers.dask import lease, messages
from batchlab.drivers.dask.agent import PLUGIN_NAME, NodeAgent
from batchlab.drivers.dask.passed_over import FAILED_AGAIN_S, SILENT, Unfit
from batchlab.drivers.dask.silence import Silence

if TYPE_CHECKING:
    from batchlab.core.messages.outputs import StartNode

__all__ = ["Installer", "NotHeard", "Unreachable"]

SEND_INTERVAL_S = 0.001
"""How long Dask may delay commands to send several in one message (its default is 5 ms)."""
MISSING = 2.5
"""How many beats a worker may miss before a call to it is given up."""


class NotHeard(Exception):
    """A call was given up, as nothing was heard from the worker for some time."""


class Unreachable(Unfit):
    """A worker does not answer, or is about to leave the cluster."""


class Installer:
    """Installs agents on workers.

    Parameters
    ----------
    scheduler : Scheduler
    configure : callable
        Returns the `NodeConfig` of a node from its last `StartNode`.
    silence : Silence
    lease_s : float
    leased : bool
        Whether nodes in other processes have a lease; otherwise they only send beats.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        configure: Callable[[StartNode], messages.NodeConfig],
        silence: Silence,
        lease_s: float,
        leased: bool,
    ) -> None:
        self._scheduler = scheduler
        self._configure = configure
        self._silence = silence
        self._lease_s = lease_s
        self._leased = leased
        self.beat_s = lease_s / lease.BEATS

    async def install(
        self, start: StartNode, address: str, arrival: str, *, reimage: bool = False
    ) -> None:
        """Install the agent of a node on a worker; raises `Unfit`."""
        comm = self._scheduler.stream_comms.get(address)
        if comm is None:
            raise Unreachable("it has left the cluster")
        comm.interval = SEND_INTERVAL_S
        comm.recent_message_log = deque(maxlen=0)  # would keep a thousand lists of commands
        config = msgspec.structs.replace(self._configure(start), reimage=reimage, arrival=arrival)
        if not address.startswith("inproc://"):
            self._silence.hear(address)
            leased = self._lease_s if self._leased else None
            config = msgspec.structs.replace(config, beat_s=self.beat_s, lease_s=leased)
        add = getattr(self._scheduler.rpc(address), "plugin-add")
        try:
            result = await self.ask(
                address, add(plugin=pickle.dumps(NodeAgent(config)), name=PLUGIN_NAME)
            )
        except NotHeard:
            raise Unreachable("it does not answer", SILENT) from None
        except OSError as error:
            raise Unreachable(f"it cannot be reached: {error}", SILENT) from None
        except Exception as error:
            raise _failed(error) from error
        if result.get("status") != "OK":
            raise _failed(result.get("exception_text"))

    async def ask(self, address: str, call: Awaitable[Any]) -> Any:
        """Return the answer of a worker; raises `NotHeard` once too many of its beats miss."""
        future = asyncio.ensure_future(call)
        if not self._silence.listens(address):
            return await future
        try:
            while True:
                done, _ = await asyncio.wait([future], timeout=self.beat_s / 2)
                if done:
                    return future.result()
                if self._silence.of(address) > MISSING * self.beat_s:
                    raise NotHeard(f"{self._silence.of(address):.0f} s")
        finally:
            future.cancel()


def _failed(why: Any) -> Unfit:
    return Unfit(f"a node cannot be installed there: {why}", again_s=FAILED_AGAIN_S)


def new_arrival() -> str:
    """Return what distinguishes one installation of an agent from all others."""
    return uuid.uuid4().hex[:12]
