"""Operations on nodes. A lab does not support those that need a virtual machine."""

from __future__ import annotations

from typing import NoReturn

from batchlab.core.messages import inputs
from batchlab.core.messages.questions import GetNode, GetRemoteLoginSettings, ListNodes
from batchlab.core.messages.views import NodeView
from batchlab.drivers.node_log import UploadNodeLogs, upload
from batchlab.errors import Conflict, NotFound
from batchlab.rest import resources
from batchlab.rest.answers import done, json, one, page
from batchlab.rest.messages import Response, RestCall
from batchlab.rest.routes import operation
from batchlab.rest.wire import read

__all__: list[str] = []

_NODE = "/pools/{pool_id}/nodes/{node_id}"


@operation("GET", "/pools/{pool_id}/nodes")
def list_nodes(call: RestCall, pool_id: str) -> Response:
    """GET /pools/{id}/nodes."""
    views = call.ask(ListNodes(pool_id=pool_id))
    return page(call, "nodes", NodeView, views, resources.node_writer(call, pool_id))


@operation("GET", _NODE)
def get_node(call: RestCall, pool_id: str, node_id: str) -> Response:
    """GET /pools/{id}/nodes/{id}."""
    view = call.ask(GetNode(pool_id=pool_id, node_id=node_id))
    return one(call, view, resources.node_writer(call, pool_id), "nodes")


@operation("POST", f"{_NODE}/reboot", "begin_reboot_node")
def reboot_node(call: RestCall, pool_id: str, node_id: str) -> Response:
    """POST .../reboot."""
    return _do(call, inputs.RebootNode, pool_id, node_id, 202)


@operation("POST", f"{_NODE}/reimage", "begin_reimage_node")
def reimage_node(call: RestCall, pool_id: str, node_id: str) -> Response:
    """POST .../reimage."""
    return _do(call, inputs.ReimageNode, pool_id, node_id, 202)


@operation("POST", f"{_NODE}/deallocate", "begin_deallocate_node")
def deallocate_node(call: RestCall, pool_id: str, node_id: str) -> Response:
    """POST .../deallocate."""
    return _do(call, inputs.DeallocateNode, pool_id, node_id, 202)


@operation("POST", f"{_NODE}/start", "begin_start_node")
def start_node(call: RestCall, pool_id: str, node_id: str) -> Response:
    """POST .../start."""
    return _do(call, inputs.StartDeallocatedNode, pool_id, node_id, 202)


@operation("POST", f"{_NODE}/disablescheduling")
def disable_node_scheduling(call: RestCall, pool_id: str, node_id: str) -> Response:
    """POST .../disablescheduling."""
    return _do(call, inputs.DisableNodeScheduling, pool_id, node_id, 200)


@operation("POST", f"{_NODE}/enablescheduling")
def enable_node_scheduling(call: RestCall, pool_id: str, node_id: str) -> Response:
    """POST .../enablescheduling."""
    return _do(call, inputs.EnableNodeScheduling, pool_id, node_id, 200)


def _do(
    call: RestCall, kind: type[inputs.Request], pool_id: str, node_id: str, status: int
) -> Response:
    call.request(read(kind, call.json(), pool_id=pool_id, node_id=node_id))
    return done(call, status)


# -- logins and logs ------------------------------------------------------------------------------


@operation("POST", f"{_NODE}/users")
def create_node_user(call: RestCall, pool_id: str, node_id: str) -> Response:
    """POST .../users."""
    request = read(inputs.CreateNodeUser, call.json(), pool_id=pool_id, node_id=node_id)
    call.request(request)
    response = done(call, 201)
    location = call.url("pools", pool_id, "nodes", node_id, "users", request.name)
    response.headers["DataServiceId"] = response.headers["Location"] = location
    return response


@operation("PUT", f"{_NODE}/users/{{user_name}}")
def replace_node_user(call: RestCall, pool_id: str, node_id: str, user_name: str) -> Response:
    """PUT .../users/{name}."""
    call.request(read(
        inputs.ReplaceNodeUser, call.json(), pool_id=pool_id, node_id=node_id, user_name=user_name
    ))  # fmt: skip
    return done(call, 200)


@operation("DELETE", f"{_NODE}/users/{{user_name}}")
def delete_node_user(call: RestCall, pool_id: str, node_id: str, user_name: str) -> Response:
    """DELETE .../users/{name}."""
    call.request(inputs.DeleteNodeUser(pool_id=pool_id, node_id=node_id, user_name=user_name))
    return Response(200)


@operation("GET", f"{_NODE}/remoteloginsettings")
def get_node_remote_login_settings(call: RestCall, pool_id: str, node_id: str) -> Response:
    """GET .../remoteloginsettings: the node's own address."""
    settings = call.ask(GetRemoteLoginSettings(pool_id=pool_id, node_id=node_id))
    found = {
        "remoteLoginIPAddress": settings.remote_login_ip_address,
        "remoteLoginPort": settings.remote_login_port,
    }
    return json(call, found, "Microsoft.Azure.Batch.Protocol.Entities.RemoteLoginSettings")


@operation("GET", f"{_NODE}/rdp")
def get_node_remote_desktop(call: RestCall, pool_id: str, node_id: str) -> Response:
    """GET .../rdp (older versions): refused, as on any node with Linux."""
    reason = "a remote desktop needs a node with Windows: use remoteloginsettings"
    _refuse(call, pool_id, node_id, reason)


@operation("POST", f"{_NODE}/uploadbatchservicelogs")
def upload_node_logs(call: RestCall, pool_id: str, node_id: str) -> Response:
    """POST .../uploadbatchservicelogs: to the container that is named."""
    options = read(UploadNodeLogs, call.json())
    result = upload(call.connection, pool_id, node_id, options)
    return json(call, resources.write(result), "UploadBatchServiceLogsResult")


@operation("GET", f"{_NODE}/extensions")
def list_node_extensions(call: RestCall, pool_id: str, node_id: str) -> Response:
    """GET .../extensions: empty."""
    call.ask(GetNode(pool_id=pool_id, node_id=node_id))
    return json(call, {"value": []}, "extensions")


@operation("GET", f"{_NODE}/extensions/{{extension_name}}")
def get_node_extension(
    call: RestCall, pool_id: str, node_id: str, extension_name: str
) -> Response:
    """GET .../extensions/{name}: not found."""
    call.ask(GetNode(pool_id=pool_id, node_id=node_id))
    reason = f"node {node_id!r} has no VM extension {extension_name!r}: a lab does not have any"
    raise NotFound("ResourceNotFound", reason)


def _refuse(call: RestCall, pool_id: str, node_id: str, reason: str) -> NoReturn:
    call.ask(GetNode(pool_id=pool_id, node_id=node_id))
    raise Conflict("OperationNotValidOnNode", reason)
