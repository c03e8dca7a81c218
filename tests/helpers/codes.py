"""Error codes of Azure Batch that nothing but the REST API, or nothing at all, answers with.

All other codes have a test that provokes them, marked ``@pytest.mark.code("TaskExists")``.
"""

from __future__ import annotations

WIRE = (
    "ConditionNotMet", "MissingRequiredHeader", "UnsupportedHeader", "InvalidHeaderValue",
    "MissingRequiredQueryParameter", "UnsupportedQueryParameter", "InvalidQueryParameterValue",
    "OutOfRangeQueryParameterValue", "InvalidHttpVerb", "RequestUrlFailedToParse",
    "InvalidAuthenticationInfo", "UnsupportedRequestVersion",
    "MultipleConditionHeadersNotSupported", "AuthenticationFailed",
    "InsufficientAccountPermissions", "AccountIsDisabled", "RequestBodyTooLarge",
    "JobPreparationTaskNotRunOnNode", "JobReleaseTaskNotRunOnNode",
    "JobPreparationTaskNotSpecified", "JobReleaseTaskNotSpecified",
)  # fmt: skip
"""Codes of requests, headers and operations that only the wire has."""

NOT_HERE: dict[str, str] = {
    "OutOfRangePriority": "InvalidPropertyValue, which the service answers too",
    "InvalidConstraintValue": "InvalidPropertyValue, which the service answers too",
    "InvalidMetadata": "InvalidPropertyValue, which names the key",
    "MetadataTooLarge": "no limit is known",
    "AutoScaleFormulaTooLong": "an older spelling of AutoScalingFormulaTooLong",
    "NodeAgentSKUNotFound": "nodes have no image",
    "PoolBeingCreated": "a pool is there as soon as it is created",
    "JobNotActive": "each state that refuses something has a code of its own",
    "JobScheduleDisabled": "a disabled schedule can do all that an active one can",
    "OperationNotValidOnPool": "there is one kind of pool",
    "ContainerMiscError": "each failure of a container has a code of its own",
    "TaskSchedulingConstraintFailed": "what it stands for is not documented",
    "AccountSpotCoreQuotaReached": "AccountLowPriorityCoreQuotaReached, which batch accounts have",
    "RemoveNodesFailed": "removing a node always succeeds",
    "InvalidAutoPoolSettings": "an auto pool is checked before its job is created",
}
"""Codes that nothing here leads to, and why."""

INSIDE = (
    "ApplicationPackageError", "BlobAccessDenied", "BlobDownloadMiscError", "BlobDownloadTimedOut",
    "BlobNotFound", "CertificateDeleteFailed", "CommandLaunchFailed", "CommandProgramNotFound",
    "ContainerInvalidImage", "ContainerInvalidRegistry", "ContainerInvalidSettings",
    "ContainerPoolNotSupported", "DiskFull", "FailureExitCode", "FileUploadAccessDenied",
    "FileUploadContainerNotFound",
    "FileUploadMiscError", "FileUploadTimedOut", "JobTerminationAwaitingNodeProcessing",
    "ResizeStopped", "ResourceDirectoryCreateFailed", "ResourceFileCreateFailed",
    "ResourceFileWriteFailed", "Unknown",
)  # fmt: skip
"""Codes that only what happened to a resource has; their text is Azure's where it is found."""

PYTHON = (
    "ContainerAlreadyExists", "ContainerNotFound", "NothingUnderWay", "SeatNotFound",
    "WaitsForItself", "WrongCode",
)  # fmt: skip
"""Codes that only Python users see, and learners of a class."""
