"""Real nodes: processes and folders on the workers of a Dask cluster.

::

    connection   the client's side: starts a cluster or attaches to one, asks, waits, closes
    remote       the calls that every connection makes to the host
    remote_files the files of nodes, requested through the host
    inside       the client's side inside a task, through the gateway of its node
    config       the configuration of a lab, from the client that started it
    host         the scheduler's side: the engine, its clock, its RPC handlers
    fleet        the life of each node: started, rebooted, lost, released, evicted, stopped
    arriving     how a node gets its worker: found, checked, installed, equipped
    installing   an agent is put on a worker; calls to workers that may not answer
    passed_over  workers that cannot be nodes now, and why
    lease        the node's side of its lease: beats, and the end of its runs
    silence      the host's side of it: who was heard when
    local_cluster a cluster that a lab starts for itself
    process_settings process-wide settings for our own clusters
    supply       our own workers for the nodes, in this process or in separate ones
    cluster      the workers of an existing cluster, shared by the accounts
    addresses    addresses and ports at which nodes reach each other
    attachment   installing the host in an existing cluster
    messages     the messages between all of these
    agent        a node: takes commands, runs them, reports
    gateway      the connection from a task back to the service
    footprint    a job on a node: its setup is the preparation, its teardown the release
    runs         one run: folders, resource files, process, outcome
    subtask_runs the run of a subtask: coordination, then possibly the application
    equipment    application packages and certificates, put on a node for its runs
    uploads      the upload of a run's output files
    meter        the resources that a node's runs use
    users        the operating system's users for runs, if a lab isolates users
    processes, folders, node_files, resources, threads, guards, watchdog    helpers for these

Only modules in this package use Dask, and only here is a node called a worker.
"""
