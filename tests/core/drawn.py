"""What a random life is made of: few ids, small numbers, every option."""

from datetime import timedelta

from hypothesis import strategies as st

from batchlab.core.specs import JobConstraints, JobPreparationTask, StartTask, TaskConstraints

POOLS = st.sampled_from(["p", "P2"])
JOBS = st.sampled_from(["a", "b", "c"])
TASKS = st.sampled_from(["t1", "t2", "t3", "T4", "t5"])
RETRIES = st.sampled_from([0, 0, 1, -1])
OPTIONS = st.sampled_from(["requeue", "terminate", "taskcompletion", "retaineddata"])
WHICH = st.integers(0, 7)
HOW = st.sampled_from(["", "", "", "1", "1", "overdue", "missing", "natural"])
RETENTION = st.sampled_from([None, timedelta(0), timedelta(seconds=20)])
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
COMPLETE = st.sampled_from([None, "noaction", "terminatejob"])
