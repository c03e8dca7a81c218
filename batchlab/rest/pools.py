"""Operations on pools."""

from __future__ import annotations

from collections.abc import Iterable

from batchlab.core.messages import inputs
from batchlab.core.messages.questions import EvaluateAutoScale, GetPool, ListPools
from batchlab.core.messages.views import PoolView
from batchlab.core.model import PoolSpec
from batchlab.errors import Conflict
from batchlab.rest import resources
from batchlab.rest.answers import changed, check_conditions, done, json, one, page, versioned
from batchlab.rest.messages import Response, RestCall
from batchlab.rest.pool_resources import check_pool
from batchlab.rest.routes import operation
from batchlab.rest.wire import Unknown, camel, read

__all__: list[str] = []


@operation("POST", "/pools")
def create_pool(call: RestCall) -> Response:
    """POST /pools."""
    unknown: Unknown = {}
    wire = call.json()
    check_pool(call, wire)
    spec = read(PoolSpec, wire, unknown)
    call.request(inputs.CreatePool(spec=spec))
    view = _view(call, spec.id)
    call.unknown_properties.put(("pool", spec.id), view.creation_time, unknown)
    return done(call, 201, view, "pools", spec.id)


@operation("GET", "/pools")
def list_pools(call: RestCall) -> Response:
    """GET /pools."""
    return page(call, "pools", PoolView, call.ask(ListPools()), resources.pool)


@operation("GET", "/pools/{pool_id}")
def get_pool(call: RestCall, pool_id: str) -> Response:
    """GET /pools/{id}."""
    return one(call, _view(call, pool_id), resources.pool, "pools")


@operation("HEAD", "/pools/{pool_id}")
def pool_exists(call: RestCall, pool_id: str) -> Response:
    """HEAD /pools/{id}."""
    view = _view(call, pool_id)
    check_conditions(call, view, reading=True)
    return Response(200, versioned(view))


@operation("DELETE", "/pools/{pool_id}", "begin_delete_pool")
def delete_pool(call: RestCall, pool_id: str) -> Response:
    """DELETE /pools/{id}."""
    check_conditions(call, _view(call, pool_id))
    call.request(inputs.DeletePool(pool_id=pool_id))
    return Response(202)


@operation("PATCH", "/pools/{pool_id}")
def update_pool(call: RestCall, pool_id: str) -> Response:
    """PATCH /pools/{id}: the properties that a lab can change; the others stay as they are."""
    unknown: Unknown = {}
    wire = call.json()
    check_pool(call, wire, pool_id)
    request = read(inputs.UpdatePool, wire, unknown, pool_id=pool_id)
    return _change(call, pool_id, request, 200, unknown, wire)


@operation("POST", "/pools/{pool_id}/updateproperties")
def replace_pool_properties(call: RestCall, pool_id: str) -> Response:
    """POST /pools/{id}/updateproperties: properties that are not given are removed."""
    unknown: Unknown = {}
    wire = call.json()
    check_pool(call, wire, pool_id)
    request = read(inputs.ReplacePoolProperties, wire, unknown, pool_id=pool_id)
    reset = [camel(name) for name in inputs.ReplacePoolProperties.__struct_fields__]
    return _change(call, pool_id, request, 204, unknown, reset)


@operation("POST", "/pools/{pool_id}/disableautoscale")
def disable_pool_auto_scale(call: RestCall, pool_id: str) -> Response:
    """POST /pools/{id}/disableautoscale."""
    return _change(call, pool_id, inputs.DisableAutoScale(pool_id=pool_id), 200)


@operation("POST", "/pools/{pool_id}/enableautoscale")
def enable_pool_auto_scale(call: RestCall, pool_id: str) -> Response:
    """POST /pools/{id}/enableautoscale."""
    request = read(inputs.EnableAutoScale, call.json(), pool_id=pool_id)
    return _change(call, pool_id, request, 200)


@operation("POST", "/pools/{pool_id}/evaluateautoscale")
def evaluate_pool_auto_scale(call: RestCall, pool_id: str) -> Response:
    """POST /pools/{id}/evaluateautoscale."""
    formula: str = call.json()["autoScaleFormula"]
    if not call.ask(GetPool(pool_id=pool_id)).enable_auto_scale:
        raise Conflict(
            "OperationInvalidForCurrentState",
            f"autoscale of pool {pool_id!r} is not enabled: enable it to evaluate a formula",
        )
    run = call.ask(EvaluateAutoScale(pool_id=pool_id, auto_scale_formula=formula))
    kind = "Microsoft.Azure.Batch.Protocol.Entities.AutoScaleRun"
    return json(call, resources.write(run), kind, DataServiceId=call.own_url)


@operation("POST", "/pools/{pool_id}/resize", "begin_resize_pool")
def resize_pool(call: RestCall, pool_id: str) -> Response:
    """POST /pools/{id}/resize."""
    request = read(inputs.ResizePool, call.json(), pool_id=pool_id)
    return _change(call, pool_id, request, 202)


@operation("POST", "/pools/{pool_id}/stopresize", "begin_stop_pool_resize")
def stop_pool_resize(call: RestCall, pool_id: str) -> Response:
    """POST /pools/{id}/stopresize."""
    if call.ask(GetPool(pool_id=pool_id)).enable_auto_scale:
        reason = "The specified pool has AutoScale enabled. AutoScale resize cannot be stopped"
        raise Conflict("OperationInvalidForCurrentState", reason, {"Reason": reason})
    return _change(call, pool_id, inputs.StopPoolResize(pool_id=pool_id), 202)


@operation("POST", "/pools/{pool_id}/removenodes", "begin_remove_nodes")
def remove_nodes(call: RestCall, pool_id: str) -> Response:
    """POST /pools/{id}/removenodes."""
    return _change(call, pool_id, read(inputs.RemoveNodes, call.json(), pool_id=pool_id), 202)


def _view(call: RestCall, pool_id: str) -> PoolView:
    view: PoolView = call.ask(GetPool(pool_id=pool_id))
    return view


def _change(
    call: RestCall,
    pool_id: str,
    request: inputs.Request,
    status: int,
    unknown: Unknown | None = None,
    given: Iterable[str] = (),
) -> Response:
    question = GetPool(pool_id=pool_id)
    return changed(call, question, request, status, "pool", pool_id, unknown=unknown, given=given)
