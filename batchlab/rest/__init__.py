"""The Azure Batch REST API of a lab on this machine, for unmodified Azure Batch clients.

There are three layers. `server` speaks HTTP. `service.Service.handle` is one function from a
request to a response: it checks the signature, finds the operation, and turns errors into Azure's
error bodies. An operation (`pools`, `nodes`, `jobs`, `tasks`, `files`, `schedules`, `account`)
decodes the request (`wire`) into a request or a question of the core, sends it through the lab's
connection, and encodes the view it gets (`resources`). The core alone decides what happens, and
what is refused and why.

All 72 operations of the SDK azure-batch 15.1 are supported, and those of older versions:
certificates, node agents, lifetime statistics. Every version since 2017-01 is answered with its
own names (`versions`); properties that no version has are refused (`specification`).

Operations that make no sense on a laptop behave as follows:

* remote desktop, VM extensions by name: refused, as Azure refuses them on pools without them;
* the list of VM extensions: empty;
* users on nodes: tasks there can run as them. Remote login goes to the node's own address, where
  only its machine may have a login service. The service log of a node is its agent's;
* containers: run in the Podman or Docker of the node, in pools with a container configuration.
  Elsewhere a task with container settings fails when it starts (``ContainerPoolNotSupported``);
* usage metrics: one row per pool, from its creation until now;
* elevated start tasks: refused by `batchlab serve` if it runs as root, unless that is allowed;
* pools of Windows nodes, and pools that name an Azure resource (a subnet, a gallery's image, an
  identity): refused;
* properties that a lab does not use (images, networks, mounts ...): stored and returned unchanged
  by all endpoints of the `Lab`, as long as it exists. Passwords and keys are never stored.
"""
