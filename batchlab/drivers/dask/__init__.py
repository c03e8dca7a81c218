"""Real nodes: processes and folders on the workers of a Dask cluster.

::

    connection   a lab's side: starts a cluster or attaches to one, asks, waits, closes
    remote       what every connection says to the host
    remote_files the files of nodes, asked for through the host
    inside       a lab's side inside a task, through the gateway of its node
    config       what a lab is, as the client that began it says
    host         the scheduler's side: the engine, its clock, its RPC handlers
    fleet        the life of each node: brought up, rebooted, lost, evicted, stopped
    local_cluster a cluster that a lab starts for itself
    process_settings what a cluster of ours sets for the whole process
    supply       workers of our own behind the nodes, in this process or in their own
    cluster      workers of a cluster that somebody else started, shared by the accounts
    addresses    where nodes can be reached by each other
    attachment   getting the host into such a cluster
    messages     what travels between all of these
    agent        a node: takes commands, runs them, reports
    gateway      the way from a task back to the service
    footprint    what a job leaves on a node: preparation is its setup, release its teardown
    runs         one run: folders, resource files, process, outcome
    subtask_runs the run of a subtask: coordination, then maybe the application
    equipment    application packages and certificates, put on a node for its runs
    uploads      output files of a run, sent off
    meter        what the runs of a node use
    users        who runs run as, where a lab isolates users
    processes, folders, node_files, resources, threads, watchdog    what these stand on

Only modules in this package speak to Dask, and only here a node is called a worker.
"""
