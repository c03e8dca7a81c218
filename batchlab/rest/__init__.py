"""The Azure Batch REST API of a lab, on this machine: for unmodified clients of Azure Batch.

Three layers. `server` speaks HTTP. `service.Service.handle` is one function from a request to a
response: it checks the signature, finds the operation, and turns what is refused into Azure's
error bodies. An operation (`pools`, `nodes`, `jobs`, `tasks`, `files`, `schedules`, `account`)
reads the wire (`wire`) into a request or a question of the core, sends it through the lab's
connection, and writes the view that comes back (`resources`). What the service does, when it
refuses and why, is decided by the core alone.

All 72 operations of the SDK azure-batch 15.1 are there, and the certificates of older versions.
What makes no sense on a laptop is answered so:

* remote desktop and remote login, the upload of service logs, VM extensions by name, starting and
  deallocating nodes: refused, as Azure refuses them on pools that have no such thing;
* a list of VM extensions: empty;
* users on nodes, which are for remote login: none is made (``OperationNotValidOnNode``), so that
  there is none to change or delete (``NodeUserNotFound``); users that tasks run as are the pool's
  ``userAccounts``;
* usage metrics: one row for each pool, from its creation until now;
* properties that mean nothing to a lab (images, networks, mounts ...): kept and given back for as
  long as the `Lab` that is served, by all of its endpoints; never passwords and keys.
"""
