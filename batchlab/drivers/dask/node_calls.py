"""Calls of a lab's clients that concern one node: the host forwards them to the node's worker."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import msgspec
from distributed import Scheduler

from batchlab.core.messages.questions import LocateNode, Location, Question
from batchlab.drivers.dask import messages
from batchlab.drivers.dask.fleet import Fleet
from batchlab.drivers.dask.installing import NotHeard
from batchlab.errors import Conflict

__all__ = ["NodeCalls"]


class NodeCalls:
    """The handlers of these calls.

    Parameters
    ----------
    scheduler : Scheduler
    fleet : Fleet
    ask : callable
        Answers a question about the lab, unless that is closed.
    lab_id : str
    lab_time : callable
        Turns real seconds since 1970 into those of the lab's clock.
    """

    def __init__(
        self, scheduler: Scheduler, fleet: Fleet, ask: Callable[[Question], Any], lab_id: str,
        lab_time: Callable[[float], float],
    ) -> None:  # fmt: skip
        self._scheduler = scheduler
        self._fleet = fleet
        self._ask = ask
        self._lab_id = lab_id
        self._lab_time = lab_time

    async def files(self, payload: bytes) -> bytes:
        """Forward a call of `NodeFiles`."""
        try:
            return await self._files(*pickle.loads(payload))
        except Exception as error:
            return messages.answer_error(error)

    async def _files(self, place: Any, call: Any) -> bytes:
        location: Location = place if isinstance(place, Location) else self._ask(place)
        call = msgspec.structs.replace(call, directory=location.directory)
        address = self._address(location)
        files = self._scheduler.rpc(address).batchlab_files
        try:
            answer: bytes = await self._fleet.ask(
                address, files(payload=pickle.dumps((True, call)), lab_id=self._lab_id)
            )
        except NotHeard as error:
            raise Conflict(
                "NodeNotReady",
                f"node {location.node_id!r} does not answer (nothing was heard from it for "
                f"{error}): its files are available again when it does",
            ) from None
        except Exception:
            raise _not_ready(location) from None
        return answer

    async def log(self, pool_id: str, node_id: str) -> bytes:
        """Answer with the log of a node, whose times are not those of the lab's clock."""
        try:
            address = self._address(self._ask(LocateNode(pool_id=pool_id, node_id=node_id)))
            lines = await self._scheduler.rpc(address).batchlab_log()
            found = [(self._lab_time(when), text) for when, text in lines]
            return messages.answer(lambda: found)
        except Exception as error:
            return messages.answer_error(error)

    async def lose(self, pool_id: str, node_id: str) -> bytes:
        """Remove a node's worker from the cluster, so that the node is lost."""
        try:
            address = self._address(self._ask(LocateNode(pool_id=pool_id, node_id=node_id)))
            await self._fleet.break_node(address)
            return messages.answer(lambda: None)
        except Exception as error:
            return messages.answer_error(error)

    def _address(self, location: Location) -> str:
        address = self._fleet.address(location.node_id)
        if address is None:
            raise _not_ready(location)
        return address


def _not_ready(location: Location) -> Conflict:
    return Conflict(
        "NodeNotReady", f"node {location.node_id!r} is not up: its files are not available now"
    )
