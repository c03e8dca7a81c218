"""Resource files of simulated runs.

Files of this machine are read, so that a script beside the notebook is there in both worlds. A
simulation does not go to the network: what any other URL names is taken to be there, and empty.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from batchlab.core.outputs import StartRun
from batchlab.core.specs import ResourceFile
from batchlab.core.views import FailureInfo
from batchlab.drivers.simulated.disk import ROOT, Disk
from batchlab.drivers.simulated.shell import LaunchFailed

__all__ = ["place"]


def place(run: StartRun, disk: Disk, now: float) -> None:
    """Put a run's resource files into its working directory; raises `LaunchFailed`."""
    for resource in run.resource_files:
        path = f"{ROOT}/{run.directory}/wd/{resource.target}"
        disk.make_folder(path.rpartition("/")[0], parents=True)
        disk.write(path, _contents(resource), now, append=False)
        disk.set_mode(path, int(resource.file_mode, 8))


def _contents(resource: ResourceFile) -> bytes:
    source = resource.http_url or ""
    url = urlsplit(source)
    if url.scheme not in {"", "file"}:
        return b""
    path = Path(unquote(url.path) if url.scheme else source)
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise LaunchFailed(
            FailureInfo(
                category="UserError",
                code="BlobNotFound",
                message="One of the specified resource files does not exist",
                details={
                    **resource.source,
                    "FilePath": resource.target,
                    "Message": error.strerror or str(error),
                },
            )
        ) from None
