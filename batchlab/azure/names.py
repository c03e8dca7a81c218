"""The names of the one subscription that there is, and Azure's host names that lead to it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CLIENT", "GROUP", "IDENTITY", "LOGIN", "MANAGEMENT", "PRINCIPAL", "REGION",
           "SUBSCRIPTION", "TENANT", "Account", "service_of"]  # fmt: skip

TENANT = "ba7c41ab-0000-4000-8000-000000000001"
SUBSCRIPTION = "ba7c41ab-0000-4000-8000-000000000002"
CLIENT = "ba7c41ab-0000-4000-8000-000000000003"
"""The client id of the service principal, which is the managed identity, too."""
PRINCIPAL = "ba7c41ab-0000-4000-8000-000000000004"
GROUP = "batchlab"
REGION = "westeurope"
MANAGEMENT = "management.azure.com"
LOGIN = "login.microsoftonline.com"
BATCH = ".batch.azure.com"
CORE = ".core.windows.net"
IDENTITY = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/batchlab"
)
"""The managed identity, which pools may name."""


class Account(NamedTuple):
    """The Batch account, whose storage account has the same name.

    Azure wants three characters at least in the name of a storage account.
    """

    name: str

    @property
    def storage(self) -> str:
        """The name of the storage account."""
        return self.name if len(self.name) > 2 else f"{self.name}storage"

    @property
    def batch_host(self) -> str:
        """The host name of the Batch account."""
        return f"{self.name}.{REGION}{BATCH}"

    @property
    def blob_host(self) -> str:
        """The host name of the storage account's blobs."""
        return f"{self.storage}.blob{CORE}"

    @property
    def path(self) -> str:
        """The Batch account in the management plane."""
        return self._path("Microsoft.Batch/batchAccounts", self.name)

    @property
    def storage_path(self) -> str:
        """The storage account in the management plane."""
        return self._path("Microsoft.Storage/storageAccounts", self.storage)

    def _path(self, kind: str, name: str) -> str:
        return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/{kind}/{name}"


def service_of(host: str) -> str:
    """The service behind a host name: ``management``, ``login``, ``batch``, ``blob`` or ``""``.

    Other services of the storage accounts have a name of their own: ``queue``, ``table`` ...
    """
    host = host.lower().rstrip(".")
    if host in (MANAGEMENT, LOGIN):
        return "management" if host == MANAGEMENT else "login"
    if host.endswith(BATCH):
        return "batch"
    if host.endswith(CORE):
        return host.removesuffix(CORE).rpartition(".")[2]
    return ""
