"""The workers of an existing cluster that cannot be nodes now, and why.

The lab did not start these workers, so any of them may be frozen, cut off, or without this version
of batchlab. Each is asked before it becomes a node, with a limit of time. One that does not fit is
passed over: the lab goes on with the others, `explain` names it with the reason and the cure, and
it is asked again and again until it fits, or leaves the cluster.
"""

from __future__ import annotations

import asyncio
import pickle
import pydoc
from collections.abc import Callable
from typing import Any

from distributed import Scheduler
from distributed.protocol.serialize import Serialize, Serialized, deserialize

from batchlab.core.messages.facts import MachinesPassedOver, Report
from batchlab.core.model.values import PassedOver
from batchlab.version import __version__

__all__ = ["FAILED_AGAIN_S", "SILENT", "PassedOverWorkers", "Unfit"]

ANSWER_S = 3.0
"""How long a worker may take to answer a simple question."""
AGAIN_S = 5.0
"""How long to wait before a worker that did not fit is asked again."""
FAILED_AGAIN_S = 60.0
"""The same for one that fitted, but where a node could not be installed."""

SILENT = "restart it, or repair its network; it is used as soon as it answers"
_INSTALL = (
    "install batchlab {version} there, in the environment of {python}, from where it was "
    "installed here, and start the worker again"
)


class Unfit(Exception):
    """A worker cannot be a node; the message is a clause that says why.

    Parameters
    ----------
    reason : str
    remedy : str
        What to do.
    again_s : float
        When to try again.
    """

    def __init__(self, reason: str, remedy: str = "", again_s: float = AGAIN_S) -> None:
        super().__init__(reason)
        self.remedy = remedy
        self.again_s = again_s


class PassedOverWorkers:
    """The workers that one lab passes over.

    Parameters
    ----------
    scheduler : Scheduler
    report : callable
        Called with a report when the workers change.
    readmit : callable
        Called with the address of a worker that may be a node again.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        report: Callable[[Report], None],
        readmit: Callable[[str], None],
    ) -> None:
        self._scheduler = scheduler
        self._report = report
        self._readmit = readmit
        self._rows: dict[str, PassedOver] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def check(self, address: str) -> None:
        """Ask a worker whether it can be a node; raises `Unfit`."""
        try:
            rpc = self._scheduler.rpc(address)
            version = await asyncio.wait_for(_locate(rpc, "batchlab.__version__"), ANSWER_S)
            if version == __version__:
                return
            python = await asyncio.wait_for(_locate(rpc, "sys.executable"), ANSWER_S)
        except TimeoutError:
            raise Unfit("it does not answer", SILENT) from None
        except OSError as error:
            raise Unfit(f"it cannot be reached: {error}", SILENT) from None
        has = f"batchlab {version}" if isinstance(version, str) else "no batchlab"
        raise Unfit(
            f"it has {has}, but the lab has batchlab {__version__}",
            _INSTALL.format(python=python, version=__version__),
        )

    def add(self, address: str, unfit: Unfit, clean: Callable[[], Any] | None = None) -> None:
        """Pass a worker over until it fits.

        Parameters
        ----------
        address : str
        unfit : Unfit
        clean : callable, optional
            Makes a coroutine that clears the worker once it answers, before it is used again.
        """
        if address not in self._scheduler.workers:
            return
        self._note(address, unfit)
        if address not in self._tasks:
            self._tasks[address] = asyncio.ensure_future(self._wait(address, unfit, clean))

    def left(self, address: str) -> None:
        """Forget a worker that has left the cluster."""
        task = self._tasks.pop(address, None)
        if task is not None:
            task.cancel()
        if self._rows.pop(address, None) is not None:
            self._tell()

    def close(self) -> None:
        """Ask nobody any more, and leave the workers to other labs as they are."""
        for address, task in self._tasks.items():
            task.cancel()
            self._readmit(address)
        self._tasks.clear()

    async def _wait(self, address: str, unfit: Unfit, clean: Callable[[], Any] | None) -> None:
        while True:
            await asyncio.sleep(unfit.again_s)
            try:
                await self.check(address)
                if clean is not None:
                    await asyncio.wait_for(clean(), 10 * ANSWER_S)
            except Unfit as still:
                unfit = still
                self._note(address, unfit)
            except (OSError, TimeoutError):
                continue  # it has become silent again
            else:
                break
        del self._tasks[address], self._rows[address]
        self._tell()
        self._readmit(address)

    def _note(self, address: str, unfit: Unfit) -> None:
        name = self._scheduler.workers[address].name
        named = f" ({name})" if name != address else ""
        row = PassedOver(
            machine=f"the worker at {address}{named}", reason=str(unfit), remedy=unfit.remedy
        )
        if self._rows.get(address) != row:
            self._rows[address] = row
            self._tell()

    def _tell(self) -> None:
        self._report(MachinesPassedOver(machines=tuple(self._rows.values())))


async def _locate(rpc: Any, name: str) -> Any:
    """Return the value of this name on a worker, which need not have batchlab."""
    answer = await rpc.run(function=pickle.dumps(pydoc.locate), args=pickle.dumps((name,)))
    value = answer.get("result")
    if isinstance(value, Serialize):  # a worker in this process
        return value.data
    read: Any = deserialize  # untyped
    return read(value.header, value.frames) if isinstance(value, Serialized) else value
