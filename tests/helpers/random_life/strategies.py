"""What a random life is made of: few ids, small numbers, every option."""

from datetime import timedelta

from hypothesis import strategies as st

from batchlab.core.model import (
    AutoPoolSpecification,
    AutoUserSpecification,
    ExitCodeMapping,
    ExitConditions,
    ExitOptions,
    JobConstraints,
    JobManagerTask,
    JobPreparationTask,
    MultiInstanceSettings,
    PoolInfo,
    PoolSpec,
    Quotas,
    StartTask,
    TaskConstraints,
    TaskDependencies,
    TaskIdRange,
    UserIdentity,
)

POOLS = st.sampled_from(["p", "P2"])
NEW_JOBS = st.sampled_from(["a", "b", "c"])
JOBS = st.sampled_from(["a", "b", "c", "a", "b", "c", "S:job-1", "s:job-2", "r:job-1"])
SCHEDULES = st.sampled_from(["S", "r"])
TASKS = st.sampled_from(["t1", "t2", "t3", "T4", "1", "02", "3"])
RETRIES = st.sampled_from([0, 0, 1, -1])
OPTIONS = st.sampled_from(["requeue", "terminate", "taskcompletion", "retaineddata"])
WHICH = st.integers(0, 7)
HOW = st.sampled_from(
    ["", "", "", "1", "1", "overdue", "missing", "natural", "unsent", "unsent 1"]
)
RETENTION = st.sampled_from([None, timedelta(0), timedelta(seconds=20)])
IDENTITIES = st.sampled_from([
    None, None, UserIdentity(username="ann"),
    UserIdentity(auto_user=AutoUserSpecification(scope="task", elevation_level="admin")),
])  # fmt: skip
START_TASKS = st.none() | st.builds(
    StartTask, command_line=st.just("s"), wait_for_success=st.booleans(),
    max_task_retry_count=RETRIES,
)  # fmt: skip
PREPARATIONS = st.builds(
    JobPreparationTask,
    command_line=st.just("prep"),
    wait_for_success=st.booleans(),
    rerun_on_node_reboot_after_success=st.booleans(),
    constraints=st.builds(TaskConstraints, max_task_retry_count=RETRIES, retention_time=RETENTION),
)
JOB_LIMITS = st.builds(
    JobConstraints,
    max_wall_clock_time=st.sampled_from([None, None, timedelta(seconds=60)]),
    max_task_retry_count=RETRIES,
)
TASK_LIMITS = st.builds(
    TaskConstraints, max_task_retry_count=st.none() | RETRIES, retention_time=RETENTION
)
QUOTAS = st.none() | st.builds(
    Quotas,
    dedicated_core_quota=st.sampled_from([None, 3]),
    low_priority_core_quota=st.sampled_from([None, 1]),
    pool_quota=st.sampled_from([None, 2]),
    active_job_and_job_schedule_quota=st.sampled_from([None, 3]),
)
ORDERS = st.sampled_from(["none", "creationtime"])
PARALLEL = st.sampled_from([-1, -1, 1, 2])
FAILURE = st.sampled_from(["noaction", "noaction", "performexitoptionsjobaction"])
MANAGERS = st.builds(
    JobManagerTask, id=st.just("boss"), command_line=st.just("m"),
    required_slots=st.sampled_from([1, 1, 2]), run_exclusive=st.booleans(),
    kill_job_on_completion=st.booleans(), allow_low_priority_node=st.booleans(),
    constraints=st.builds(TaskConstraints, max_task_retry_count=RETRIES),
    user_identity=IDENTITIES,
)  # fmt: skip
OUTCOMES = st.builds(
    ExitOptions,
    job_action=st.sampled_from([None, "none", "disable", "terminate"]),
    dependency_action=st.sampled_from([None, "satisfy", "block"]),
)
CONDITIONS = st.none() | st.builds(
    ExitConditions,
    exit_codes=st.just(())
    | st.tuples(st.builds(ExitCodeMapping, code=st.integers(0, 1), exit_options=OUTCOMES)),
    pre_processing_error=st.none() | OUTCOMES,
    file_upload_error=st.none() | OUTCOMES,
    default=st.none() | OUTCOMES,
)
RANGES = st.sampled_from([(1, 2), (1, 3), (2, 3), (3, 3), (4, 5)]).map(
    lambda ends: TaskIdRange(start=ends[0], end=ends[1])
)
PARENTS = st.none() | st.builds(
    TaskDependencies,
    task_ids=st.lists(TASKS | st.just("boss"), max_size=2),
    task_id_ranges=st.lists(RANGES, max_size=2),
)
AUTO_POOLS = st.builds(
    AutoPoolSpecification,
    pool=st.builds(
        PoolSpec, target_dedicated_nodes=st.integers(0, 2),
        target_low_priority_nodes=st.integers(0, 1), task_slots_per_node=st.integers(1, 2),
        enable_inter_node_communication=st.booleans(),
    ),
    pool_lifetime_option=st.sampled_from(["job", "jobschedule"]),
    auto_pool_id_prefix=st.sampled_from([None, "x"]), keep_alive=st.booleans(),
).map(lambda auto: PoolInfo(auto_pool_specification=auto))  # fmt: skip
POOL_INFOS = POOLS.map(lambda pool: PoolInfo(pool_id=pool))
INSTANCES = st.builds(
    MultiInstanceSettings, coordination_command_line=st.just("c"),
    number_of_instances=st.integers(1, 3),
)  # fmt: skip
COMPLETE = st.sampled_from([None, "noaction", "terminatejob"])
