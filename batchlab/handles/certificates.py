"""Certificates of the account: what they are, and which are still in use."""

from __future__ import annotations

from batchlab.core.answers.pages import matching
from batchlab.core.messages.inputs import (
    CancelCertificateDeletion,
    DeleteCertificate,
)
from batchlab.core.messages.questions import CertificateIs, GetCertificate, ListCertificates
from batchlab.core.messages.view_fields import CertificateProperties
from batchlab.core.messages.views import CertificateView
from batchlab.handles.base import Awaited, Handle
from batchlab.handles.collections.mapping import Handles
from batchlab.handles.verbs import Duration, Watch, ask_for, check_state, seconds, verb

__all__ = ["Certificate", "Certificates"]


class Certificate(Handle, Awaited, CertificateProperties, init=False):
    """A certificate that pools can reference, to install it on their nodes.

    Azure retired certificates of Batch accounts in February 2024. The password and the private
    key are never shown: they are kept in memory, for the nodes.
    """

    __slots__ = ()

    @property
    def thumbprint(self) -> str:
        """Its SHA-1 thumbprint, which identifies it."""
        return self._id

    def view(self) -> CertificateView:
        """All properties at one moment, as an immutable snapshot."""
        view: CertificateView = self._connection.ask(GetCertificate(thumbprint=self._id))
        return view

    @verb
    def delete(self) -> None:
        """Delete it. It becomes ``deletefailed`` if a pool or node still uses it.

        Raises
        ------
        Conflict
            ``CertificateBeingDeleted``.
        """
        ask_for(self._connection, DeleteCertificate, "Certificate.delete", thumbprint=self._id)

    @verb
    def cancel_deletion(self) -> None:
        """Make it ``active`` again after a deletion that failed.

        Raises
        ------
        Conflict
            ``CertificateStateActive``, ``CertificateBeingDeleted``.
        """
        ask_for(self._connection, CancelCertificateDeletion, "Certificate.cancel_deletion",
                thumbprint=self._id)  # fmt: skip

    @verb
    def wait(
        self, state: str = "deleted", *, timeout: Duration = None, watch: Watch | None = None
    ) -> None:
        """Block until it is in a state.

        Parameters
        ----------
        state : str, default "deleted"
            A state, or ``"deleted"``.
        timeout : duration, optional
            In lab time; no limit if omitted.
        watch : callable, optional
            Called a few times a second while waiting.

        Raises
        ------
        InvalidRequest
            ``InvalidPropertyValue``: not one of its states.
        WaitTimeout
            ``OperationTimedOut``: the timeout expired.
        WaitNeverEnds
            Nothing in progress will bring it into that state; the message says why.
        """
        owner = "Certificate.wait"
        goal = CertificateIs(thumbprint=self._id, state=check_state("certificate", state, owner))
        self._connection.wait(goal, seconds(timeout, owner), watch)


class Certificates(Handles[Certificate]):
    """The certificates of a lab by thumbprint, in order of creation."""

    __slots__ = ()
    _kind = "certificate"
    _view_type = CertificateView
    _name = "thumbprint"

    def views(self) -> list[CertificateView]:
        """An immutable snapshot of each certificate, all of the same moment."""
        views: list[CertificateView] = self._connection.ask(ListCertificates())
        return matching(views, self._where)

    def _handle(self, id: str) -> Certificate:  # noqa: A002
        return Certificate(self._connection, id)

    def _summary(self) -> str:
        lines = [f"{v.thumbprint}  {v.certificate_format}, {v.state}" for v in self.views()]
        return "\n".join(lines) or "no certificates"
