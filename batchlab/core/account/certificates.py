"""Certificates of the account: added, installed on nodes, and deleted if no longer in use.

Azure retired them in February 2024; they are here for lessons. The core knows thumbprints and
public data. Private keys go from the user to the driver, and from there to the nodes.

A certificate is ``active`` at first. A deletion is accepted at once (``deleting``) and decided a
moment later: a certificate that no pool references and no node was started with is deleted; any
other becomes ``deletefailed``, with the names of the pools and nodes that use it. The deletion can
then be requested again, or cancelled. Only an active certificate can be referenced. A node has the
certificates that its pool referenced when the node last started.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from batchlab.core.messages import inputs, views
from batchlab.core.messages.outputs import ForgetCertificate
from batchlab.core.model import CertificateReference, read_thumbprint, values
from batchlab.core.model.moments import maybe, moment
from batchlab.core.state import phases
from batchlab.core.state.holdings import CertificateRecord
from batchlab.errors import Conflict, NotFound

if TYPE_CHECKING:
    from batchlab.core.state.state import State

DELETION_S = 1.0
"""How long a deletion takes, in seconds of lab time."""
_MOST_NAMED = 100


def find(state: State, thumbprint: str) -> CertificateRecord:
    """The certificate with this thumbprint, or `NotFound`."""
    certificate = state.certificates.get(read_thumbprint(thumbprint))
    if certificate is None:
        raise NotFound("CertificateNotFound", f"there is no certificate {thumbprint!r}")
    return certificate


# -- requests -----------------------------------------------------------------------------------


def create_certificate(state: State, request: inputs.CreateCertificate) -> None:
    """Add a certificate."""
    thumbprint = read_thumbprint(request.thumbprint, "create_certificate")
    if thumbprint in state.certificates:
        _refuse_deleting(state.certificates[thumbprint])
        raise Conflict("CertificateExists", f"there is already a certificate {thumbprint}")
    certificate = state.certificates[thumbprint] = CertificateRecord(
        thumbprint=thumbprint,
        thumbprint_algorithm=request.thumbprint_algorithm,
        certificate_format=request.certificate_format,
        public_data=request.public_data,
        phase=phases.CertificateActive(state.now),
    )
    state.tell_certificate(certificate, "active")


def delete_certificate(state: State, request: inputs.DeleteCertificate) -> None:
    """Start to delete a certificate, even if it is in use."""
    certificate = find(state, request.thumbprint)
    _refuse_deleting(certificate)
    phase = phases.CertificateDeleting(state.now)
    state.move(certificate, phase)
    state.deadlines.at(state.now + DELETION_S, _conclude, state, certificate, phase)


def cancel_deletion(state: State, request: inputs.CancelCertificateDeletion) -> None:
    """Make a certificate that could not be deleted active again."""
    certificate = find(state, request.thumbprint)
    _refuse_deleting(certificate)
    if isinstance(certificate.phase, phases.CertificateActive):
        raise Conflict(
            "CertificateStateActive",
            f"certificate {certificate.thumbprint} is active: there is no deletion to cancel",
        )
    state.move(certificate, phases.CertificateActive(state.now))


def _refuse_deleting(certificate: CertificateRecord) -> None:
    if isinstance(certificate.phase, phases.CertificateDeleting):
        raise Conflict(
            "CertificateBeingDeleted", f"certificate {certificate.thumbprint} is being deleted"
        )


def _conclude(
    state: State, certificate: CertificateRecord, phase: phases.CertificateDeleting
) -> None:
    if certificate.phase is not phase:
        return
    thumbprint = certificate.thumbprint
    pools, nodes = users(state, thumbprint)
    if not pools and not nodes:
        del state.certificates[thumbprint]
        state.command(ForgetCertificate(thumbprint=thumbprint))
        state.tell_certificate(certificate, "deleted")
        return
    error = values.DeleteCertificateError(
        code="CertificateDeleteFailed",
        message=f"The certificate is in use (pools: {len(pools)}, nodes: {len(nodes)})",
        values={
            name: ",".join(ids[:_MOST_NAMED])
            for name, ids in (("PoolIds", pools), ("NodeIds", nodes))
            if ids
        },
    )
    state.move(certificate, phases.CertificateDeleteFailed(state.now, error))


def users(state: State, thumbprint: str) -> tuple[list[str], list[str]]:
    """The ids of the pools that reference a certificate, and of the nodes that have it."""
    pools = [pool.spec.id for pool in state.pools.values()
             if _is_among(thumbprint, pool.spec.certificate_references)]  # fmt: skip
    nodes = [node.id for node in state.nodes.values()
             if _is_among(thumbprint, node.certificate_references)]  # fmt: skip
    return pools, nodes


def _is_among(thumbprint: str, references: Sequence[CertificateReference]) -> bool:
    return any(reference.thumbprint == thumbprint for reference in references)


# -- references ---------------------------------------------------------------------------------


def check_references(state: State, references: Sequence[CertificateReference]) -> None:
    """Refuse references to certificates that do not exist or are not active."""
    for reference in references:
        certificate = state.certificates.get(reference.thumbprint)
        if certificate is None:
            reason = f"there is no certificate {reference.thumbprint}"
        elif not isinstance(certificate.phase, phases.CertificateActive):
            reason = f"certificate {reference.thumbprint} is {certificate.phase.state}, not active"
        else:
            continue
        raise Conflict("InvalidCertificateReferences", reason)


# -- views --------------------------------------------------------------------------------------


def view(certificate: CertificateRecord) -> views.CertificateView:
    """View of a certificate."""
    phase = certificate.phase
    return views.CertificateView(
        thumbprint=certificate.thumbprint,
        thumbprint_algorithm=certificate.thumbprint_algorithm,
        certificate_format=certificate.certificate_format,
        state=phase.state,
        state_transition_time=moment(phase.since),
        previous_state=certificate.previous,
        previous_state_transition_time=maybe(certificate.previous_since),
        public_data=certificate.public_data,
        delete_certificate_error=phase.error
        if isinstance(phase, phases.CertificateDeleteFailed)
        else None,
    )
