"""What every kind of lab can do: list what it holds, create more, serve and report."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from batchlab import background
from batchlab.core.messages.questions import GetCost
from batchlab.display import Displayed, watched
from batchlab.drivers.ports import Connection
from batchlab.handles.applications import Applications
from batchlab.handles.certificates import Certificates
from batchlab.handles.costs import Cost, VmSizes
from batchlab.handles.creation import Creation
from batchlab.handles.job import Jobs
from batchlab.handles.job_schedule import JobSchedules
from batchlab.handles.pool import Pools
from batchlab.handles.storage import Storage
from batchlab.handles.verbs import verb

if TYPE_CHECKING:
    from batchlab.azure.cloud import Cloud
    from batchlab.reports import ActivityReport
    from batchlab.rest.endpoint import Endpoint

__all__ = ["BaseLab"]


class BaseLab(Creation, Displayed):
    """What every kind of lab can do."""

    __slots__ = ("_connection", "_description")

    def __init__(self, connection: Connection, description: str) -> None:
        self._connection = connection
        self._description = description

    @classmethod
    def _on(cls, connection: Connection, description: str) -> Self:
        """A lab on a connection that there is; the constructors of labs make their own."""
        lab = cls.__new__(cls)
        BaseLab.__init__(lab, connection, description)
        return lab

    @property
    def account(self) -> str:
        """The name of the account that owns these pools and jobs."""
        return self._connection.account

    @property
    def now(self) -> datetime:
        """The time on the lab's clock, in UTC."""
        return datetime.fromtimestamp(self._connection.now(), UTC)

    @property
    def pools(self) -> Pools:
        """The pools, by id."""
        return Pools(self._connection)

    @property
    def jobs(self) -> Jobs:
        """The jobs, by id."""
        return Jobs(self._connection)

    @property
    def job_schedules(self) -> JobSchedules:
        """The job schedules, by id."""
        return JobSchedules(self._connection)

    @property
    def applications(self) -> Applications:
        """The applications, by id."""
        return Applications(self._connection)

    @property
    def certificates(self) -> Certificates:
        """The certificates, by thumbprint."""
        return Certificates(self._connection)

    @property
    def vm_sizes(self) -> VmSizes:
        """The VM sizes of nodes, with cores, memory, disk and price."""
        return VmSizes()

    @property
    def cost(self) -> Cost:
        """What all nodes did until now, including deleted pools, and what that would have cost.

        As in Azure, a node costs money while it has a machine, whatever its state. Prices are
        list prices, for illustration.
        """
        return Cost(self._connection.ask(GetCost()))

    @property
    def storage(self) -> Storage:
        """Its data: containers of blobs, by name."""
        return Storage(self._connection)

    def watch(self) -> Any:
        """A live display of everything: nodes, what runs on them, why tasks wait, and the past.

        In a notebook, make it the last line of a cell. Elsewhere it returns the lab itself.
        """
        return watched(self)

    @verb
    def serve(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        key: str | None = None,
        bearer: bool = False,
        speed: float = 1.0,
        cert: str | os.PathLike[str] | None = None,
        cert_key: str | os.PathLike[str] | None = None,
        behind_proxy: bool = False,
        allow_elevated: bool = True,
        page: bool = True,
        page_token: str | None = None,
        manage: bool = False,
        azure: bool | Cloud = False,
    ) -> Endpoint:
        """Serve the Azure Batch REST API, for unmodified clients of Azure Batch on this machine.

        A browser shows the lab's live displays at ``endpoint.page_url``, to several people at
        once.

        Parameters
        ----------
        port : int, default 0
            0 means any free port.
        host : str, default "127.0.0.1"
            The address to listen on. Anyone who can reach it and has the key can run commands.
        key : str, optional
            The account key, in base64; random if omitted.
        bearer : bool, default False
            Whether to accept any bearer token as well, from programs that call this machine by
            its name or address; for development only.
        speed : float, default 1
            Only for a simulated lab, whose clock runs while it is served: how many times faster
            than the wall clock. Other labs keep their own speed.
        cert, cert_key : path, optional
            A certificate and its private key, in PEM, in one file or two. Clients then use HTTPS,
            which bearer tokens require. They have to trust the certificate:
            ``endpoint.client(connection_verify="cert.pem")``, or ``REQUESTS_CA_BUNDLE``.
        behind_proxy : bool, default False
            Whether clients come through a proxy that sets ``X-Forwarded-Prefix``, ``-Proto``,
            ``-Host`` and ``-For``, such as that of a JupyterHub. Otherwise these headers are
            ignored, because anyone can send them.
        allow_elevated : bool, default True
            Whether pools may have start tasks that run as administrators.
        page : bool, default True
            Whether the lab can be watched in a browser.
        page_token : str, optional
            Anyone who has it may watch, and read the files of tasks; 16 to 200 letters, digits,
            ``-`` or ``_``; random if omitted. Who sends 20 wrong ones waits a minute (HTTP 429,
            ``TooManyRequests``). With the same token, pages that are open connect again when the
            lab is served again.
        manage : bool, default False
            Whether those who watch may also press buttons: terminate and delete tasks, reboot
            nodes, change autoscale formulas.
        azure : bool, default False
            Whether to serve Azure's own host names on this machine, with tokens, the management
            plane and, if Azurite is installed, blobs. Clients need the variables of
            ``endpoint.environment``; so do nodes, for blobs: ``batchlab serve --azure`` sets them
            before its lab starts. `port` is then that of the proxy.

        Returns
        -------
        Endpoint
            It has `url`, `page_url`, `account`, `key`, `client` and `stop`; in a notebook it shows
            what to paste into a client, without the key.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: cannot listen on this address; the key is not base64;
            the token could be guessed;
            the certificate cannot be read; `azure` with another address or certificate.
        NotInstalled
            ``OperationInvalidForCurrentState``: `azure` without the extra ``azure``.

        Examples
        --------
        >>> endpoint = lab.serve()  # doctest: +SKIP
        >>> endpoint.client().create_pool(...)  # doctest: +SKIP
        """
        background.need_machine("lab.serve listens on a port")
        from batchlab.rest.endpoint import Endpoint  # noqa: PLC0415 - above this

        common: dict[str, Any] = {
            "host": host, "speed": speed, "cert": cert, "cert_key": cert_key, "bearer": bearer,
            "behind_proxy": behind_proxy, "allow_elevated": allow_elevated, "page": page,
            "page_token": page_token, "manage": manage,
        }  # fmt: skip
        if not azure:
            return Endpoint(self._connection, port=port, key=key, **common)
        from batchlab.azure.cloud import open_cloud  # noqa: PLC0415 - only when wanted

        cloud = open_cloud(azure, self.account, key, port, common)
        try:
            return Endpoint(self._connection, azure=cloud, **common)
        except BaseException:
            cloud.close()
            raise

    @verb
    def post(self, path: str, body: Mapping[str, Any] | str | bytes) -> dict[str, Any]:
        """Send a definition in JSON to the lab's REST API, without a server.

        ``lab.post("/pools", definition)`` does what ``az batch pool create --json-file`` does
        with the same definition in a file, so it can be tried in a lab before it is used.

        Parameters
        ----------
        path : str
            The path in the REST API: ``"/pools"``, ``"/jobs"``, ``"/jobs/night/tasks"``,
            ``"/jobs/night/addtaskcollection"`` ...
        body : mapping, or JSON as text or bytes
            The definition, with the names of the REST API: ``targetDedicatedNodes``.

        Returns
        -------
        dict
            The answer; empty for most requests. ``addtaskcollection`` answers for each task.

        Raises
        ------
        InvalidRequest
            ``InvalidRequestBody``: not JSON, or a property that does not exist; ``InvalidUri``:
            no such path; ``InvalidPropertyValue`` ...: a property is invalid.
        BatchError
            What the request itself is refused with, such as ``PoolExists``.

        Examples
        --------
        >>> pool = {"id": "night", "vmSize": "standard_d2s_v3", "targetDedicatedNodes": 2}
        >>> lab.post("/pools", pool)  # doctest: +SKIP
        {}
        """
        from batchlab.rest.direct import post  # noqa: PLC0415 - above this

        return post(self._connection, path, body)

    def report(self) -> ActivityReport:
        """What happened in the lab until now; in a notebook with figures.

        Utilisation, why tasks waited, run times, preparation compared with tasks, and what the
        nodes cost, as numbers, tables and plotly figures. ``report.save("report.html")`` writes
        one file that works offline. It includes what has been deleted.
        """
        from batchlab.reports import report_of  # noqa: PLC0415 - only when wanted

        return report_of(self._connection, "lab", "")

    def close(self) -> None:
        """Stop what this lab started, or only disconnect from a cluster that existed before.

        Calling it twice is harmless.
        """
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return self._description
