"""Every error code of Azure Batch that is known, with the test that provokes it.

`REFUSALS` are what a request is answered with, `FAILURES` what a task's `failure_info` says,
`RESIZE_ERRORS` why a pool is not what it should be, `SCHEDULING_ERRORS` why a job could not begin.
What none of these has is in `WIRE` (only requests on the wire can provoke it), or in `NOT_HERE`
(with the reason).

Who raises a code for the first time names its test here; `test_codes.py` says so when it is
forgotten.
"""

# ruff: noqa: E501
from __future__ import annotations

LAB = "test_lab.py::test_bad_input_is_refused_by_name_and_changes_nothing"
STORIES = "drivers/contract/test_"

REFUSALS: dict[str, str] = {
    # 400
    "InvalidPropertyValue": LAB,
    "MissingRequiredProperty": LAB,
    "UnsupportedProperty": LAB,
    "InvalidRequestBody": "core/model/test_specs.py::test_properties_by_position_are_refused",
    "OutOfRangeInput": "handles/test_files.py::test_read_of_too_much_is_refused_before_anything_is_read",
    "InvalidInput": "drivers/test_journal.py::test_journal_that_is_none_is_refused",
    "InvalidUri": ("drivers/dask/test_clusters.py::test_attach_to_what_is_no_address_is_refused"),
    "EmptyMetadataKey": "core/test_refusals.py::test_metadata_with_an_empty_key_is_refused",
    "InvalidAutoScalingSettings": (
        "core/pools/test_autoscaling.py::test_settings_that_contradict_each_other_are_refused"
    ),
    "AutoScalingFormulaSyntaxError": (
        "core/pools/test_autoscaling.py::test_formula_that_cannot_be_read_changes_nothing"
    ),
    "AutoScalingFormulaTooLong": "core/test_refusals.py::test_formula_that_is_too_long_is_refused",
    "TaskDependenciesNotSpecifiedOnJob": (
        "core/tasks/test_dependencies.py::test_dependencies_without_the_jobs_leave_are_refused"
    ),
    "TaskDependencyListTooLong": (
        "core/model/test_spec_edges.py::test_dependencies_of_more_than_64000_characters_are_refused"
    ),
    "TaskDependencyRangesTooLong": (
        "core/model/test_spec_edges.py::test_dependencies_of_more_than_1000_ranges_are_refused"
    ),
    # 403
    "IOError": ("drivers/dask/test_files.py::test_read_of_a_pipe_is_refused_instead_of_blocking"),
    # 404
    "PoolNotFound": LAB,
    "NodeNotFound": LAB,
    "JobNotFound": LAB,
    "JobScheduleNotFound": "core/test_refusals.py::test_schedule_that_is_not_there_is_not_found",
    "TaskNotFound": LAB,
    "FileNotFound": LAB,
    "PathNotFound": f"{STORIES}files.py::test_files_that_are_not_there_are_not_found",
    "ApplicationNotFound": "core/account/test_applications.py::test_what_is_not_there_is_not_found",
    "CertificateNotFound": (
        "core/account/test_certificates.py::test_certificate_is_known_by_its_thumbprint_in_any_writing"
    ),
    "NodeUserNotFound": (
        "core/account/test_users.py::"
        "test_named_user_of_a_pool_that_comes_later_without_him_fails_the_run"
    ),
    "ResourceNotFound": (
        "drivers/dask/test_clusters.py::test_attach_to_an_address_where_nobody_answers_says_so"
    ),
    # 409
    "PoolExists": f"{STORIES}pools.py::test_pool_id_in_other_case_is_the_same_pool",
    "JobExists": "core/jobs/test_jobs.py::test_job_id_in_other_case_exists",
    "JobScheduleExists": f"{STORIES}schedules.py::test_schedule_and_job_never_share_an_id",
    "TaskExists": LAB,
    "PoolBeingResized": "core/pools/test_pools.py::test_resize_while_resizing_is_refused",
    "PoolBeingDeleted": "core/pools/test_pools_end.py::test_delete_pool_requeues_tasks_and_leaves_jobs",
    "NodeBeingCreated": "core/test_refusals.py::test_node_without_a_machine_cannot_be_rebooted",
    "NodeBeingStarted": (
        "core/nodes/test_nodes.py::test_reboot_of_a_node_that_is_not_up_is_refused_with_its_state"
    ),
    "NodeBeingRebooted": (
        "core/nodes/test_nodes.py::test_reboot_of_a_node_that_is_not_up_is_refused_with_its_state"
    ),
    "NodeBeingReimaged": (
        "core/nodes/test_nodes.py::test_reimage_idle_node_boots_with_emptied_folders"
    ),
    "NodeStateUnusable": (
        "core/nodes/test_nodes.py::test_reboot_of_a_node_that_is_not_up_is_refused_with_its_state"
    ),
    "NodeNotReady": "core/tasks/test_task_files.py::test_locate_says_why_there_are_no_files",
    "NodeAlreadyInTargetSchedulingState": LAB,
    "JobBeingTerminated": (
        "core/jobs/test_jobs.py::test_terminated_job_refuses_everything_but_deletion"
    ),
    "JobBeingDeleted": "core/jobs/test_jobs.py::test_terminated_job_refuses_everything_but_deletion",
    "JobCompleted": "core/jobs/test_jobs.py::test_completed_job_refuses_everything_but_deletion",
    "JobDisabled": "core/answers/test_waits.py::test_wait_disabled_job_needs_somebody",
    "TaskCompleted": LAB,
    "TaskNotCompleted": "core/tasks/test_tasks.py::test_reactivate_refuses_what_did_not_fail",
    "TaskSucceeded": LAB,
    "TaskFilesUnavailable": (
        f"{STORIES}files.py::test_files_of_a_task_that_has_not_started_are_not_available"
    ),
    "TaskFilesCleanedup": f"{STORIES}tasks.py::test_task_whose_retention_is_over_has_no_files",
    "JobScheduleCompleted": (
        "core/jobs/test_schedules.py::test_terminated_schedule_terminates_its_job"
    ),
    "JobScheduleBeingTerminated": (
        "core/test_refusals.py::test_schedule_that_ends_takes_no_change"
    ),
    "JobScheduleBeingDeleted": "core/test_refusals.py::test_schedule_that_ends_takes_no_change",
    "JobWithSameIdExists": (
        "core/jobs/test_schedules.py::test_ids_of_jobs_and_schedules_exclude_each_other"
    ),
    "JobScheduleWithSameIdExists": (
        "core/jobs/test_schedules.py::test_ids_of_jobs_and_schedules_exclude_each_other"
    ),
    "JobPreparationTaskOrReleaseTaskNotSpecified": LAB,
    "TaskIdSameAsJobPreparationTask": (
        "core/tasks/test_tasks.py::test_create_tasks_with_the_id_of_a_node_task_is_refused"
    ),
    "TaskIdSameAsJobReleaseTask": (
        "core/tasks/test_tasks.py::test_create_tasks_with_the_id_of_a_node_task_is_refused"
    ),
    "ActiveJobAndScheduleQuotaReached": (
        "core/jobs/test_schedules.py::test_quota_of_active_jobs_counts_what_is_not_completed"
    ),
    "PoolQuotaReached": f"{STORIES}spot.py::test_quotas_of_pools_and_jobs_are_kept",
    "OperationInvalidForCurrentState": "core/jobs/test_jobs.py::test_enable_active_job_is_refused",
    "OperationNotValidOnNode": "core/nodes/test_spot.py::test_dedicated_node_is_never_preempted",
    "ResourceAlreadyExists": (
        "core/account/test_applications.py::"
        "test_application_is_known_without_regard_to_case_and_keeps_its_own"
    ),
    "InvalidApplicationPackageReferences": (
        "core/account/test_applications.py::test_pool_that_references_what_is_not_there_is_refused"
    ),
    "InvalidCertificateReferences": (
        f"{STORIES}certificates.py::test_certificate_that_is_not_there_is_refused"
    ),
    "CertificateExists": (
        "core/account/test_certificates.py::test_certificate_is_known_by_its_thumbprint_in_any_writing"
    ),
    "CertificateBeingDeleted": (
        "core/account/test_certificates.py::test_certificate_that_nobody_has_is_gone_in_a_moment"
    ),
    "CertificateDeleteFailed": (
        "core/account/test_certificates.py::test_certificate_of_a_pool_fails_to_be_deleted_and_may_be_kept"
    ),
    "CertificateStateActive": (
        "core/account/test_certificates.py::test_certificate_of_a_pool_fails_to_be_deleted_and_may_be_kept"
    ),
    # 413
    "RequestEntityTooLarge": "core/test_refusals.py::test_resource_files_too_many_are_refused",
    # 416
    "InvalidRange": "widgets/test_answers_limits.py::test_download_of_a_huge_file_is_refused",
    # 5xx
    "InternalError": (
        "drivers/dask/test_lab.py::test_fault_in_the_core_is_told_with_the_place_of_its_journal"
    ),
    "OperationTimedOut": (
        "drivers/simulated/test_connection.py::test_wait_out_of_time_stops_at_its_end"
    ),
    "TooManyEnableAutoScaleRequests": (
        "core/pools/test_autoscaling.py::test_enabling_twice_within_30_s_is_too_often"
    ),
}

FAILURES: dict[str, str] = {
    "ApplicationPackageError": (
        f"{STORIES}applications.py::"
        "test_package_that_cannot_be_unpacked_safely_fails_each_task_that_wants_it"
    ),
    "BlobAccessDenied": (
        "drivers/dask/test_files.py::test_resource_file_over_http_arrives_or_fails_by_its_status"
    ),
    "BlobNotFound": f"{STORIES}tasks.py::test_task_whose_resource_file_is_missing_fails_at_once",
    "BlobDownloadMiscError": (
        "drivers/dask/test_files.py::test_resource_file_that_cannot_be_had_says_why"
    ),
    "BlobDownloadTimedOut": "storage/test_failures.py::test_failure_of_a_simulated_command_is_its_task_s",
    "CommandLaunchFailed": f"{STORIES}tasks.py::test_task_that_cannot_be_launched_is_not_repeated",
    "CommandProgramNotFound": (
        f"{STORIES}tasks.py::test_task_that_cannot_be_launched_is_not_repeated"
    ),
    "DiskFull": (
        "drivers/dask/test_processes.py::test_disk_that_is_full_is_a_failure_of_the_node"
    ),
    "FileUploadAccessDenied": (
        "storage/test_failures.py::test_upload_that_the_store_refuses_says_what_it_was"
    ),
    "FileUploadContainerNotFound": (
        f"{STORIES}storage.py::test_upload_that_fails_keeps_the_exit_code_and_fails_the_task"
    ),
    "FileUploadMiscError": (
        f"{STORIES}storage.py::test_output_beyond_the_node_s_root_is_not_uploaded"
    ),
    "FileUploadTimedOut": (
        "storage/test_failures.py::test_upload_that_the_store_refuses_says_what_it_was"
    ),
    "FailureExitCode": f"{STORIES}tasks.py::test_task_tells_how_it_went",
    "MaxInternalRetryCountReached": (
        "core/nodes/test_nodes.py::test_node_lost_again_and_again_the_task_fails_in_the_end"
    ),
    "ResourceDirectoryCreateFailed": (
        "storage/test_failures.py::test_failure_of_a_simulated_command_is_its_task_s"
    ),
    "ResourceFileCreateFailed": (
        "storage/test_failures.py::test_failure_of_a_simulated_command_is_its_task_s"
    ),
    "ResourceFileWriteFailed": (
        "storage/test_failures.py::test_failure_of_a_simulated_command_is_its_task_s"
    ),
    "TaskEnded": f"{STORIES}tasks.py::test_task_terminated_while_it_runs_is_a_failure",
    "Unknown": "core/tasks/test_tasks.py::test_exit_without_a_code_or_a_reason_is_no_success",
}

RESIZE_ERRORS: dict[str, str] = {
    "AccountCoreQuotaReached": "core/pools/test_pools.py::test_quota_pool_gets_what_fits_and_says_so",
    "AccountLowPriorityCoreQuotaReached": (
        "core/nodes/test_spot.py::test_quota_of_spot_cores_is_its_own"
    ),
    "AllocationFailed": (
        "core/pools/test_pools.py::test_machine_that_cannot_be_had_ends_the_resize_with_its_error"
    ),
    "AllocationTimedOut": (
        "core/pools/test_pools.py::test_resize_timeout_gives_up_machines_that_never_came"
    ),
    "CommunicationEnabledPoolReachedMaxVMCount": (
        "core/test_refusals.py::test_pool_whose_nodes_communicate_has_a_hundred_at_most"
    ),
    "ResizeStopped": "core/pools/test_pools_end.py::test_stop_resize_keeps_what_is_there",
}

SCHEDULING_ERRORS: dict[str, str] = {
    "InvalidApplicationPackageReferencesInAutoPool": (
        "core/account/test_applications.py::test_auto_pool_that_references_what_is_not_there_is_not_made"
    ),
    "InvalidCertificatesInAutoPool": (
        "core/account/test_certificates.py::"
        "test_auto_pool_with_a_certificate_that_is_not_there_is_not_made"
    ),
    "AutoPoolCreationFailedWithQuotaReached": (
        "core/jobs/test_schedules.py::test_auto_pool_beyond_the_quota_leaves_the_job_completed"
    ),
    "InvalidAutoScaleFormulaInAutoPool": (
        "core/pools/test_autoscaling.py::test_auto_pool_with_a_bad_formula_leaves_the_job_completed"
    ),
    "JobTerminationAwaitingNodeProcessing": (
        "core/test_refusals.py::test_job_that_ends_says_how_many_nodes_it_waits_for"
    ),
}

STORAGE: dict[str, str] = {
    "ContainerNotFound": f"{STORIES}storage.py::test_containers_are_made_listed_and_deleted",
    "ContainerAlreadyExists": f"{STORIES}storage.py::test_containers_are_made_listed_and_deleted",
    "BlobNotFound": "storage/test_failures.py::test_refusal_of_the_store_is_told_in_azures_words",
    "AuthorizationFailure": "storage/test_failures.py::test_refusal_of_the_store_is_told_in_azures_words",
}
"""Codes of Azure Storage, for the containers of a lab."""

WAITS: dict[str, str] = {
    "NothingUnderWay": (
        "drivers/simulated/test_connection.py::"
        "test_wait_with_nothing_under_way_ends_without_a_reason_too"
    ),
    "WaitsForItself": STORIES + "current.py::test_task_that_would_wait_for_itself_is_told_so",
}
"""Codes of ours, for waits that nothing will end; the others are those of `explain`."""

WIRE = (
    "ConditionNotMet", "MissingRequiredHeader", "UnsupportedHeader", "InvalidHeaderValue",
    "MissingRequiredQueryParameter", "UnsupportedQueryParameter", "InvalidQueryParameterValue",
    "OutOfRangeQueryParameterValue", "InvalidHttpVerb", "RequestUrlFailedToParse",
    "InvalidAuthenticationInfo", "UnsupportedRequestVersion",
    "MultipleConditionHeadersNotSupported", "AuthenticationFailed",
    "InsufficientAccountPermissions", "AccountIsDisabled", "RequestBodyTooLarge",
    "JobPreparationTaskNotRunOnNode", "JobReleaseTaskNotRunOnNode",
    "JobPreparationTaskNotSpecified", "JobReleaseTaskNotSpecified", "ServerBusy",
)  # fmt: skip
"""Codes of requests, headers and operations that only the wire has."""

NOT_HERE: dict[str, str] = {
    "OutOfRangePriority": "InvalidPropertyValue, which the service answers too",
    "InvalidConstraintValue": "InvalidPropertyValue, which the service answers too",
    "InvalidMetadata": "InvalidPropertyValue, which names the key",
    "MetadataTooLarge": "no limit is known",
    "AutoScaleFormulaTooLong": "an older spelling of AutoScalingFormulaTooLong",
    "NodeAgentSKUNotFound": "nodes have no image",
    "NodeUserExists": "users of a node are those of its pool",
    "PoolBeingCreated": "a pool is there as soon as it is created",
    "JobNotActive": "each state that refuses something has a code of its own",
    "JobScheduleDisabled": "a disabled schedule can do all that an active one can",
    "OperationNotValidOnPool": "there is one kind of pool",
    "ContainerInvalidImage": "tasks run in no containers",
    "ContainerInvalidRegistry": "tasks run in no containers",
    "ContainerInvalidSettings": "tasks run in no containers",
    "ContainerMiscError": "tasks run in no containers",
    "ContainerPoolNotSupported": "tasks run in no containers",
    "TaskSchedulingConstraintFailed": "what it stands for is not documented",
    "AccountSpotCoreQuotaReached": "AccountLowPriorityCoreQuotaReached, which batch accounts have",
    "RemoveNodesFailed": "a node that is told to go goes",
    "InvalidAutoPoolSettings": "an auto pool is checked before its job is created",
}
"""Codes that nothing here leads to, and why."""
