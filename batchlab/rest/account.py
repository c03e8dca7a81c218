"""Operations on the account: images, node counts, metrics, applications, certificates.

Certificates belong to API versions before Azure retired them.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

import msgspec

from batchlab.core.messages import inputs, questions
from batchlab.core.messages.views import ApplicationView, CertificateView
from batchlab.core.model import vm_cores
from batchlab.core.state.states import NODE
from batchlab.drivers.certificate_files import read_certificate
from batchlab.errors import invalid
from batchlab.rest import resources
from batchlab.rest.answers import done, one, page
from batchlab.rest.images import IMAGES, SupportedImage
from batchlab.rest.messages import Response, RestCall, Wire
from batchlab.rest.routes import operation
from batchlab.rest.wire import camel

__all__: list[str] = []

_COUNTED = dict.fromkeys([
    *(state.counted_as or name for name, state in NODE.items()),
    "upgradingOS",
])  # fmt: skip
"""Azure's node counts; nodes of a lab are never in the last of these states."""
_CERTIFICATE = "/certificates(thumbprintAlgorithm={algorithm},thumbprint={thumbprint})"


class PoolNodeCounts(msgspec.Struct):
    """How many nodes of a pool are in which state."""

    pool_id: str
    dedicated: Wire
    low_priority: Wire


class PoolUsageMetrics(msgspec.Struct):
    """The usage of a pool, in core hours."""

    pool_id: str
    start_time: datetime
    end_time: datetime
    vm_size: str
    total_core_hours: float


def _plain(call: RestCall, view: Any) -> Wire:
    return {
        camel(name): resources.write(value) if not isinstance(value, dict) else value
        for name, value in msgspec.structs.asdict(view).items()
    }


@operation("GET", "/supportedimages")
def list_supported_images(call: RestCall) -> Response:
    """GET /supportedimages."""
    return page(call, "supportedimages", SupportedImage, IMAGES, _image)


def _image(call: RestCall, image: SupportedImage) -> Wire:
    found: Wire = resources.write(image)
    return found


@operation("GET", "/nodecounts")
def list_pool_node_counts(call: RestCall) -> Response:
    """GET /nodecounts."""
    rows = []
    for pool in call.ask(questions.ListPools()):
        nodes = call.ask(questions.ListNodes(pool_id=pool.id))
        counts: list[Wire] = []
        for dedicated in (True, False):
            states = [node.state for node in nodes if node.is_dedicated is dedicated]
            found = {name: states.count(name.lower()) for name in _COUNTED}
            counts.append(found | {"total": len(states)})
        rows.append(PoolNodeCounts(pool.id, *counts))
    return page(call, "poolnodecounts", PoolNodeCounts, rows, _plain)


@operation("GET", "/poolusagemetrics")
def list_pool_usage_metrics(call: RestCall) -> Response:
    """GET /poolusagemetrics: one row per pool, from its creation until now."""
    now = datetime.fromtimestamp(call.connection.now(), UTC)
    rows = []
    for pool in call.ask(questions.ListPools()):
        hours = sum(cost.node_hours for cost in call.ask(questions.GetCost(pool_id=pool.id)))
        cores = vm_cores(pool.vm_size)
        rows.append(
            PoolUsageMetrics(pool.id, pool.creation_time, now, pool.vm_size, hours * cores)
        )
    return page(call, "poolusagemetrics", PoolUsageMetrics, rows, _plain)


# -- applications -------------------------------------------------------------------------------


@operation("GET", "/applications")
def list_applications(call: RestCall) -> Response:
    """GET /applications."""
    views = call.ask(questions.ListApplications())
    return page(call, "applications", ApplicationView, views, _application)


@operation("GET", "/applications/{application_id}")
def get_application(call: RestCall, application_id: str) -> Response:
    """GET /applications/{id}."""
    view = call.ask(questions.GetApplication(application_id=application_id))
    return one(call, view, _application, "applications")


def _application(call: RestCall, view: ApplicationView) -> Wire:
    found: Wire = {"displayName": view.display_name or view.id, "versions": []}
    found |= resources.write(view)
    return found


# -- certificates -------------------------------------------------------------------------------


@operation("POST", "/certificates")
def add_certificate(call: RestCall) -> Response:
    """POST /certificates."""
    wire = call.json()
    try:
        data = base64.b64decode(wire.get("data") or "", validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise invalid("data", "...", "must be a certificate in Base64") from None
    request, secret = read_certificate(
        data, wire.get("password"), wire.get("certificateFormat"), wire.get("thumbprint"),
        str(wire.get("thumbprintAlgorithm") or "sha1").lower(),
    )  # fmt: skip
    call.connection.create_certificate(request, secret)
    name = f"certificates(thumbprintAlgorithm=sha1,thumbprint={request.thumbprint})"
    response = done(call, 201)
    response.headers["DataServiceId"] = response.headers["Location"] = f"{call.base}/{name}"
    return response


@operation("GET", "/certificates")
def list_certificates(call: RestCall) -> Response:
    """GET /certificates."""
    views = call.ask(questions.ListCertificates())
    return page(call, "certificates", CertificateView, views, _certificate)


@operation("GET", _CERTIFICATE)
def get_certificate(call: RestCall, algorithm: str, thumbprint: str) -> Response:
    """GET /certificates(...)."""
    view = call.ask(questions.GetCertificate(thumbprint=thumbprint))
    return one(call, view, _certificate, "certificates")


@operation("DELETE", _CERTIFICATE)
def delete_certificate(call: RestCall, algorithm: str, thumbprint: str) -> Response:
    """DELETE /certificates(...)."""
    call.request(inputs.DeleteCertificate(thumbprint=thumbprint))
    return Response(202)


@operation("POST", _CERTIFICATE + "/canceldelete")
def cancel_certificate_deletion(call: RestCall, algorithm: str, thumbprint: str) -> Response:
    """POST /certificates(...)/canceldelete."""
    call.request(inputs.CancelCertificateDeletion(thumbprint=thumbprint))
    return Response(204)


def _certificate(call: RestCall, view: CertificateView) -> Wire:
    found: Wire = resources.write(view)
    name = f"certificates(thumbprintAlgorithm=sha1,thumbprint={view.thumbprint})"
    found["url"] = f"{call.base}/{name}"
    return found
