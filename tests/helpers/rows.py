"""The behaviours that Azure Batch is known by, each with the tests that show it here.

The numbers are those of the table of behaviours in the project's reference. A row names at least
one test: on the core, where time is moved by hand, and, where processes or files matter, a story
that is lived by simulated nodes and by nodes on Dask. Some rows are choices of ours, where what
Azure does is known and the exact code or number is not; they are marked so in `CHOICES`.
"""

# ruff: noqa: E501
from __future__ import annotations

CORE = "core/"
STORY = "drivers/contract/test_"


def core(file: str, *names: str) -> tuple[str, ...]:
    """Tests of the core, all in one file."""
    return tuple(f"{CORE}{file}.py::test_{name}" for name in names)


def story(file: str, *names: str) -> tuple[str, ...]:
    """Stories of the contract suite, all in one file."""
    return tuple(f"{STORY}{file}.py::test_{name}" for name in names)


# fmt: off
ROWS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("a terminated job ends what runs; what is queued stays active for ever",
        core("jobs/test_jobs", "terminate_running_task_ends_and_queued_task_stays_active_for_ever")
        + story("jobs", "job_terminated_ends_what_runs_and_leaves_what_waits")),
    2: ("a preparation that fails everywhere shows in the status list only",
        core("jobs/test_node_tasks", "preparation_that_never_launched_is_not_retried",
             "preparation_failed_task_goes_elsewhere_node_serves_others")
        + story("preparation",
                "preparation_that_fails_everywhere_leaves_its_task_waiting_without_an_error")),
    3: ("a preparation that fails on one node sends its task to another",
        core("jobs/test_node_tasks", "preparation_failed_task_goes_elsewhere_node_serves_others")
        + story("preparation", "preparation_that_fails_on_one_node_sends_its_task_to_another")),
    4: ("a reboot does not make up for a preparation that failed",
        core("jobs/test_node_tasks", "preparation_failed_task_goes_elsewhere_node_serves_others")
        + story("preparation",
                "preparation_that_failed_is_tried_again_after_a_reimage_but_not_after_a_reboot")),
    5: ("a reimage does",
        core("jobs/test_node_tasks", "preparation_failed_task_goes_elsewhere_node_serves_others")
        + story("preparation",
                "preparation_that_failed_is_tried_again_after_a_reimage_but_not_after_a_reboot")),
    6: ("a terminatejob job without tasks ends by itself after a while",
        core("jobs/test_jobs", "empty_terminatejob_job_ends_after_the_grace",
             "terminatejob_job_that_gets_a_task_within_the_grace_lives")
        + story("jobs", "job_that_ends_with_its_tasks_and_has_none_ends_after_a_grace_period")),
    7: ("the child of a failed parent stays active for ever",
        core("tasks/test_dependencies", "child_of_failed_parent_stays_active_for_ever")
        + story("dependencies", "task_whose_parent_fails_never_runs")),
    8: ("unless the parent's exit code satisfies it",
        core("tasks/test_dependencies", "child_of_failed_parent_runs_when_the_code_satisfies")
        + story("dependencies", "task_whose_parent_may_fail_runs_all_the_same")),
    9: ("a release that fails changes nothing but its row",
        core("jobs/test_release", "release_on_terminate_runs_where_preparation_ran_only")
        + story("preparation", "release_that_fails_changes_nothing_but_its_row")),
    10: ("a higher priority goes next, and interrupts nothing",
         core("placement/test_placement", "higher_priority_goes_first_and_interrupts_nothing")
         + story("jobs", "job_of_higher_priority_goes_first_and_interrupts_nobody")),
    13: ("a shrink queues running tasks again, and takes nothing from their retries",
         core("pools/test_pools", "shrink_requeue_task_is_queued_again_and_keeps_its_retries")
         + story("pools", "pool_shrunk_by_default_queues_running_tasks_again")),
    14: ("two retries are three runs",
         core("tasks/test_tasks", "retries_two_make_three_runs")
         + story("tasks", "task_that_always_fails_is_repeated_as_often_as_it_may")),
    15: ("a missing resource file is final at once",
         core("tasks/test_tasks", "launch_errors_and_time_limits_are_not_retried")
         + story("tasks", "task_whose_resource_file_is_missing_fails_at_once")),
    16: ("a job may name a pool that comes later",
         core("pools/test_pools", "pool_before_it_exists_its_jobs_wait_and_then_run")
         + story("pools", "pool_that_comes_later_runs_what_waits_for_it")),
    17: ("a deleted pool gives its tasks back, and its jobs live on",
         core("pools/test_pools_end", "delete_pool_requeues_tasks_and_leaves_jobs")
         + story("pools", "pool_deleted_while_tasks_run_leaves_its_jobs_waiting")),
    18: ("a disabled job may move to another pool",
         core("pools/test_pools_end", "job_moved_to_another_pool_while_disabled_runs_there")
         + story("jobs", "job_moves_to_another_pool_only_while_it_is_disabled")),
    19: ("an active one may not",
         core("pools/test_pools_end", "job_moved_to_another_pool_while_disabled_runs_there")
         + story("jobs", "job_moves_to_another_pool_only_while_it_is_disabled")),
    20: ("a task that needs more slots than a node has is accepted and never runs",
         core("placement/test_placement", "slots_more_than_a_node_has_is_accepted_and_never_runs")
         + story("tasks", "task_that_needs_more_slots_than_a_node_has_never_runs")),
    21: ("a node without a task of the job knows nothing of it",
         core("jobs/test_release", "node_without_a_task_of_the_job_gets_no_release_and_no_row")
         + story("preparation",
                 "preparation_is_lazy_and_a_node_without_tasks_knows_nothing_of_the_job")),
    22: ("a node that left keeps its row, without a release",
         core("jobs/test_release", "node_removed_row_stays_without_release")
         + story("preparation", "release_is_not_run_on_a_node_that_has_left")),
    23: ("a job is not released a second time when it is deleted",
         core("jobs/test_release", "delete_terminating_job_does_not_release_twice")
         + story("preparation", "release_runs_on_delete_but_not_a_second_time")),
    24: ("deleting an active job releases it first",
         core("jobs/test_release", "delete_active_job_releases_then_deletes")
         + story("preparation", "release_runs_on_delete_but_not_a_second_time")),
    25: ("a job without preparation has no status list",
         core("jobs/test_node_tasks", "status_list_without_node_tasks_is_refused_and_without_tasks_is_empty")
         + story("preparation", "status_list_of_a_job_without_preparation_is_refused")),
    26: ("with preparation and without tasks it is empty",
         core("jobs/test_node_tasks", "status_list_without_node_tasks_is_refused_and_without_tasks_is_empty")
         + story("preparation",
                 "preparation_is_lazy_and_a_node_without_tasks_knows_nothing_of_the_job")),
    27: ("a release needs a preparation",
         core("model/test_spec_edges", "value_out_of_range_is_refused_with_its_name")
         + story("jobs", "job_with_bad_settings_is_refused_and_not_there")),
    28: ("a release may take 15 minutes",
         core("model/test_spec_edges", "value_out_of_range_is_refused_with_its_name")
         + story("jobs", "job_release_limit_beyond_fifteen_minutes_is_refused")),
    29: ("a release over its time is killed, and the job completes",
         core("jobs/test_release", "release_beyond_its_limit_is_a_failure_and_the_job_completed")
         + story("preparation", "release_over_its_time_is_killed_and_the_job_is_completed")),
    30: ("a preparation that need not succeed holds nobody up",
         core("jobs/test_node_tasks", "preparation_not_waited_for_task_starts_beside_it")
         + story("preparation", "preparation_that_need_not_succeed_holds_nobody_up")),
    31: ("a preparation runs again after a reboot",
         core("jobs/test_node_tasks", "reboot_reruns_preparation_unless_told_not_to")
         + story("preparation",
                 "preparation_after_a_restart_of_the_node_runs_again_if_it_must")),
    32: ("unless it is told not to",
         core("jobs/test_node_tasks", "reboot_reruns_preparation_unless_told_not_to")
         + story("preparation",
                 "preparation_after_a_restart_of_the_node_runs_again_if_it_must")),
    33: ("after a reimage it runs again all the same",
         core("jobs/test_node_tasks", "reboot_reruns_preparation_unless_told_not_to")
         + story("preparation",
                 "preparation_after_a_restart_of_the_node_runs_again_if_it_must")),
    34: ("eight tasks on two nodes prepare each once, before anything else",
         core("jobs/test_node_tasks", "eight_tasks_on_two_nodes_prepare_once_on_each")
         + story("preparation", "sample_of_preparation_and_release_runs_as_in_azure")),
    35: ("a task cannot have the id of the preparation",
         core("tasks/test_tasks", "create_tasks_with_the_id_of_a_node_task_is_refused")
         + story("preparation", "task_with_the_id_of_a_hook_is_refused")),
    36: ("a task whose preparation runs is preparing, and counts as running",
         core("tasks/test_task_files", "counts_preparing_counts_as_running")
         + story("preparation", "preparation_that_runs_keeps_its_task_preparing")),
    37: ("a start task that fails for good leaves a node that takes no task and counts",
         core("nodes/test_nodes", "start_task_fails_after_its_retries_node_takes_no_task")
         + story("nodes", "start_task_that_fails_is_repeated_then_the_node_takes_no_tasks")),
    38: ("unless nobody waits for it",
         core("nodes/test_nodes", "start_task_not_waited_for_node_takes_tasks_though_it_fails")
         + story("nodes", "start_task_that_need_not_succeed_lets_the_node_take_tasks")),
    39: ("a changed start task runs when a node next starts",
         core("pools/test_pools_end", "update_pool_start_task_is_taken_up_at_the_next_boot")
         + story("nodes", "start_task_that_is_changed_runs_on_nodes_that_start_again")),
    40: ("a pool that is being resized takes no other resize",
         core("pools/test_pools", "resize_while_resizing_is_refused")
         + story("pools", "pool_shrunk_with_taskcompletion_waits_for_running_tasks")),
    41: ("a pool that follows a formula is not resized by hand",
         core("pools/test_autoscaling", "resize_by_hand_needs_autoscale_off")
         + story("autoscale", "pool_with_a_formula_is_not_resized_by_hand")),
    42: ("a resize that is stopped keeps what is there, and says so",
         core("pools/test_pools_end", "stop_resize_keeps_what_is_there")
         + story("pools", "pool_whose_resize_is_stopped_keeps_what_it_has")),
    43: ("a resize may not have less than 5 minutes",
         core("pools/test_pools", "resize_timeout_below_five_minutes_is_refused")
         + core("model/test_spec_edges", "value_out_of_range_is_refused_with_its_name")
         + story("pools", "pool_with_bad_settings_is_refused_and_not_there")),
    44: ("a quota of cores leaves a steady pool that is smaller, and says so",
         core("pools/test_pools", "quota_pool_gets_what_fits_and_says_so")
         + story("costs", "size_says_how_many_nodes_the_quota_leaves")),
    45: ("taskcompletion lets tasks end while the pool resizes",
         core("pools/test_pools", "shrink_taskcompletion_waits_for_the_task_and_takes_no_other")
         + story("pools", "pool_shrunk_with_taskcompletion_waits_for_running_tasks")),
    46: ("terminate ends them for good",
         core("pools/test_pools", "shrink_terminate_task_is_completed_and_not_run_again")
         + story("pools", "pool_shrunk_with_terminate_ends_running_tasks_for_good")),
    47: ("retaineddata waits until files are no longer kept",
         core("pools/test_pools", "shrink_retaineddata_node_goes_when_its_files_are_no_longer_kept")
         + story("pools", "pool_shrunk_with_retaineddata_waits_until_files_are_no_longer_kept")),
    48: ("a preempted node keeps its id, loses its data, and comes back",
         core("nodes/test_spot", "preempted_node_keeps_its_id_and_comes_back_empty")
         + story("spot", "node_preempted_loses_its_files_and_its_task_runs_again")),
    49: ("scheduling is not disabled twice",
         core("nodes/test_nodes", "disable_scheduling_twice_is_refused")
         + story("nodes", "node_disabled_with_requeue_gives_its_task_away")),
    50: ("a node disabled with taskcompletion runs, then is offline",
         core("nodes/test_nodes", "disable_taskcompletion_node_runs_and_is_then_offline")
         + story("nodes", "node_disabled_with_taskcompletion_runs_its_task_to_the_end")),
    51: ("a reboot repeats start task and task, and takes no retry",
         core("nodes/test_nodes", "reboot_requeue_ends_tasks_then_boots_and_runs_them_again")
         + story("nodes", "node_rebooted_while_a_task_runs_repeats_start_task_and_task")),
    52: ("a job manager that ends ends its job",
         core("jobs/test_job_managers", "manager_completing_terminates_the_job")
         + story("managers", "manager_that_ends_ends_its_job_and_what_runs_in_it")),
    53: ("one that fails too",
         core("jobs/test_job_managers", "manager_with_retries_left_does_not_end_the_job")
         + story("managers", "manager_that_ends_ends_its_job_and_what_runs_in_it",
                 "manager_is_retried_before_its_job_ends")),
    54: ("a job manager is alone on its node",
         core("jobs/test_job_managers", "job_with_manager_has_one_task_that_runs_first")
         + story("managers", "manager_is_alone_on_its_node")),
    55: ("its node is the last to go",
         core("jobs/test_job_managers", "shrink_takes_the_node_of_the_manager_last")
         + story("managers", "manager_keeps_its_node_when_the_pool_shrinks")),
    56: ("a job manager that restarts takes the place of a task of its job",
         core("jobs/test_job_managers", "manager_that_restarts_takes_the_place_of_a_task")
         + story("managers", "manager_that_lost_its_node_takes_the_place_of_a_task")),
    57: ("and never that of a job of higher priority",
         core("jobs/test_job_managers", "manager_that_restarts_waits_for_tasks_of_a_higher_priority")
         + story("managers", "manager_that_lost_its_node_waits_for_a_higher_priority")),
    58: ("a job action needs a job that takes it",
         core("tasks/test_exits", "job_action_in_a_job_that_takes_none_is_refused")
         + story("dependencies", "task_with_a_job_action_needs_a_job_that_takes_it")),
    59: ("a task that fails may end its job",
         core("tasks/test_exits", "failed_task_terminates_its_job")
         + story("dependencies", "task_that_fails_ends_its_job_when_that_is_asked_for")),
    60: ("unless its exit code asks for nothing",
         core("tasks/test_exits", "failed_task_whose_code_asks_for_nothing_lets_the_job_go_on")
         + story("dependencies", "task_that_may_fail_lets_its_job_go_on")),
    61: ("terminatejob cannot be taken back",
         core("jobs/test_jobs", "terminatejob_cannot_be_taken_back")
         + story("jobs", "job_that_ends_with_its_tasks_cannot_be_told_not_to")),
    62: ("a job's wall clock counts from its creation",
         core("jobs/test_jobs", "wall_clock_counts_from_creation_and_ends_the_job")
         + story("jobs", "job_over_its_wall_clock_time_is_terminated")),
    63: ("a job without constraints has no limits and no retries",
         core("jobs/test_jobs", "job_without_constraints_shows_no_limits_and_no_retries")),
    64: ("disabling a job needs to be told what to do with its tasks",
         story("jobs", "job_disabled_with_terminate_ends_its_tasks")),
    65: ("disabling with requeue queues its tasks again",
         core("jobs/test_jobs", "disable_requeue_task_is_queued_and_job_disabled_when_it_is_gone")
         + story("jobs", "job_disabled_with_requeue_stops_its_tasks_until_it_is_enabled")),
    66: ("disabling with wait lets them end",
         core("jobs/test_jobs", "disable_wait_lets_the_task_finish")
         + story("jobs", "job_disabled_with_wait_is_disabling_until_its_tasks_end")),
    67: ("a completed job takes no task",
         core("jobs/test_jobs", "completed_job_refuses_everything_but_deletion")
         + story("jobs", "job_terminated_ends_what_runs_and_leaves_what_waits")),
    68: ("a task that succeeded is not reactivated",
         core("tasks/test_tasks", "reactivate_refuses_what_did_not_fail")
         + story("tasks", "task_that_failed_can_be_reactivated_and_one_that_succeeded_cannot")),
    69: ("one that failed is, as if it had never run",
         core("tasks/test_tasks", "reactivate_failed_task_runs_as_if_for_the_first_time")
         + story("tasks", "task_that_failed_can_be_reactivated_and_one_that_succeeded_cannot")),
    70: ("a range of ids counts numbers, whatever their zeros",
         core("tasks/test_dependencies", "range_counts_numbers_whatever_their_zeros")
         + story("dependencies", "task_depends_on_numbers_whatever_their_zeros")),
    71: ("dependencies need a job that uses them",
         core("tasks/test_dependencies", "dependencies_without_the_jobs_leave_are_refused")
         + story("dependencies", "task_that_depends_on_others_needs_a_job_that_knows_of_it")),
    73: ("ids are kept as given, and compared without case",
         core("jobs/test_jobs", "job_id_in_other_case_exists")
         + story("pools", "everything_twice_is_refused_or_harmless_and_changes_nothing",
                 "pool_id_in_other_case_is_the_same_pool")),
    74: ("a job and a job schedule do not share an id",
         core("jobs/test_schedules", "ids_of_jobs_and_schedules_exclude_each_other")
         + story("schedules", "schedule_and_job_never_share_an_id")),
    75: ("the next job of a schedule waits until the last has ended",
         core("jobs/test_schedules", "second_job_waits_for_the_first_to_end")
         + story("schedules", "schedule_makes_one_job_after_the_other")),
    76: ("an occurrence that is later than its window is skipped",
         core("jobs/test_schedules", "occurrence_whose_window_is_over_is_skipped")
         + story("schedules", "schedule_skips_what_is_later_than_its_start_window")),
    77: ("a schedule recurs at most once a minute",
         core("jobs/test_schedules", "plan_below_a_minute_is_refused")
         + story("schedules", "schedule_shorter_than_a_minute_is_refused")),
    78: ("a schedule without recurrence completes with its job",
         core("jobs/test_schedules", "schedule_without_recurrence_completes_with_its_one_job")
         + story("schedules", "schedule_without_recurrence_is_completed_with_its_only_job")),
    79: ("a disabled schedule makes no job and keeps its next time",
         core("jobs/test_schedules", "disabled_schedule_makes_no_job_and_keeps_its_next_time")
         + story("schedules", "schedule_disabled_makes_no_job_until_it_is_enabled")),
    80: ("a terminated schedule terminates its job",
         core("jobs/test_schedules", "terminated_schedule_terminates_its_job")
         + story("schedules", "schedule_terminated_ends_its_job")),
    92: ("the service's variables win over a user's",
         story("files", "environment_of_a_task_names_where_it_is")),
    93: ("a task's settings win over its job's",
         story("sharing",
               "settings_of_a_job_are_those_of_all_its_tasks_unless_they_say_otherwise")),
    94: ("without a shell a command line is literal",
         story("files", "command_line_without_a_shell_is_literal")),
    95: ("without a preparation there is no variable for its directory",
         story("files", "environment_of_a_task_without_preparation_has_no_directory_of_one")),
    96: ("a start task knows its pool and no job",
         story("files", "environment_of_a_start_task_knows_no_job")),
    97: ("files go when their retention is over",
         core("tasks/test_task_files", "retention_deletes_the_directory_once_at_its_time",
              "locate_says_why_there_are_no_files")
         + story("tasks", "task_whose_retention_is_over_has_no_files")),
    98: ("a node that left took the files, not the records",
         core("tasks/test_task_files", "locate_says_why_there_are_no_files")
         + story("nodes", "node_that_was_removed_takes_files_but_not_records_with_it")),
    99: ("output for failures is not tried after a success, and leaves no log",
         story("storage", "output_for_failures_is_not_tried_after_success")),
    100: ("an upload that fails keeps the exit code, and fails the task without a retry",
          story("storage", "upload_that_fails_keeps_the_exit_code_and_fails_the_task")),
    101: ("the action of a listed exit code wins over that of a failed upload",
          story("storage",
                "exit_condition_of_a_listed_code_wins_over_that_of_a_failed_upload")),
    102: ("a certificate that a pool has is not deleted, and may return to use",
          core("account/test_certificates", "certificate_of_a_pool_fails_to_be_deleted_and_may_be_kept")
          + story("certificates",
                  "certificate_in_use_cannot_be_deleted_until_nobody_has_it")),
    103: ("a pool cannot reference an application without saying, or having, a version",
          core("account/test_applications", "pool_that_references_what_is_not_there_is_refused")
          + story("applications", "references_of_a_pool_lead_somewhere")),
    104: ("without allow_updates new versions come, and old ones neither change nor go",
          core("account/test_applications", "fixed_application_takes_new_versions_but_keeps_old_ones")
          + story("applications", "application_without_updates_takes_new_versions_only")),
    105: ("a multi-instance task that no node can take is accepted and stays active",
          core("tasks/test_multi_instance", "task_that_no_node_can_take_is_accepted_and_stays_active")
          + story("instances", "instances_where_they_cannot_run_stay_active")),
    106: ("the subtasks of a multi-instance task are all but the primary",
          core("tasks/test_multi_instance_end", "end_of_the_application_ends_all_and_the_task")
          + story("instances",
                  "instances_are_coordinated_on_all_nodes_before_the_application_runs")),
    107: ("an auto pool goes with its job, unless it is kept alive",
          core("jobs/test_schedules", "auto_pool_lives_as_long_as_its_job",
               "auto_pool_that_is_kept_alive_stays")
          + story("schedules", "auto_pool_is_made_for_its_job_and_goes_with_it",
                  "auto_pool_that_is_kept_alive_stays")),
    108: ("an auto pool that cannot be had leaves a completed job that says why",
          core("jobs/test_schedules", "auto_pool_beyond_the_quota_leaves_the_job_completed")
          + story("schedules", "auto_pool_beyond_the_quota_leaves_a_completed_job")),
    109: ("a job runs no more tasks at a time than it may",
          core("tasks/test_exits", "max_parallel_tasks_bounds_what_runs_and_may_change")
          + story("sharing", "job_runs_no_more_tasks_at_a_time_than_it_may")),
    110: ("jobs of equal priority take turns, or the older goes first",
          core("placement/test_placement", "jobs_of_equal_priority_take_turns")
          + core("placement/test_preemption", "equal_jobs_by_creation_time_older_goes_first")
          + story("sharing", "older_job_goes_first_where_the_pool_says_so")),
}
# fmt: on

AUTOSCALE = (11, 12, *range(81, 92))
"""Rows of the formula language: cases of `tests/autoscale` show them."""

WIRE = (72,)
"""Rows that only requests on the wire have: how many tasks one of them may carry."""

CHOICES = (4, 19, 27, 29, 44, 53, 64, 67, 92, 97, 98, 110)
"""Rows that are partly a choice of ours."""
