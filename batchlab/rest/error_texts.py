"""The text of each error code on the wire: always the same, as in Azure.

Clients compare these texts. What is particular to a request is in the values of an error, never in
its text. The texts are those of recordings and reports of the service; where there is none, those
of Azure's list of codes; codes of a lab alone have texts in the same style.
"""

from __future__ import annotations

__all__ = ["TEXTS", "text_of"]

TEXTS = {
    # requests
    "AuthenticationFailed": (
        "Server failed to authenticate the request. Make sure the value of Authorization header "
        "is formed correctly including the signature."
    ),
    "InvalidAuthenticationInfo": (
        "The authentication information was not provided in the correct format. Verify the value "
        "of Authorization header."
    ),
    "MissingRequiredHeader": "An HTTP header that's mandatory for this request is not specified.",
    "AuthorizationFailure": "This request is not authorized to perform this operation.",
    "ConditionNotMet": "The condition specified using HTTP conditional header(s) is not met.",
    "Forbidden": "Access is Forbidden",
    "EmptyMetadataKey": "The key for one of the metadata key-value pairs is empty.",
    "InternalError": "The server encountered an internal error. Please retry the request.",
    "InvalidHeaderValue": "The value for one of the HTTP headers is not in the correct format.",
    "InvalidInput": "One of the request inputs is not valid.",
    "InvalidPropertyValue": (
        "The value provided for one of the properties in the request body is invalid."
    ),
    "InvalidQueryParameterValue": (
        "Value for one of the query parameters specified in the request URI is invalid."
    ),
    "InvalidRange": "The range specified is invalid for the current size of the resource.",
    "InvalidRequestBody": "The specified Request Body is not syntactically valid.",
    "InvalidUri": "The requested URI does not represent any resource on the server.",
    "IOError": "An I/O error occurred when accessing the specified resource.",
    "MissingRequiredProperty": "A required property was not specified in the request body.",
    "MissingRequiredQueryParameter": (
        "A query parameter that's mandatory for this request is not specified."
    ),
    "OperationTimedOut": "The operation could not be completed within the permitted time.",
    "OutOfRangeInput": "One of the request inputs is out of range.",
    "RequestBodyTooLarge": (
        "The request body is too large and exceeds the maximum permissible limit."
    ),
    "RequestEntityTooLarge": (
        "The request body is too large and exceeds the maximum permissible limit."
    ),
    "ResourceAlreadyExists": "The specified resource already exists.",
    "ResourceNotFound": "The specified resource does not exist.",
    "ServerBusy": (
        "The server is currently unable to receive requests. Please retry your request."
    ),
    "TooManyRequests": "The client has sent too many requests. Please retry your request later.",
    "UnsupportedHttpVerb": "The resource doesn't support the specified HTTP verb.",
    "UnsupportedProperty": (
        "One of the properties specified in the request body is not supported."
    ),
    # states
    "OperationInvalidForCurrentState": (
        "The specified operation is not valid for the current state of the resource."
    ),
    # pools
    "AutoScalingFormulaSyntaxError": "The specified auto-scaling formula has a syntax error.",
    "AutoScalingFormulaTooLong": "The specified auto-scaling formula exceeds lengths limit.",
    "InvalidAutoScalingSettings": "The specified auto-scaling settings are not valid.",
    "PoolBeingDeleted": "The specified pool has been marked for deletion and is being reclaimed.",
    "PoolBeingResized": "The specified pool is being resized.",
    "PoolExists": "The specified pool already exists.",
    "PoolNotEligibleForOSVersionUpgrade": (
        "The specified pool is not eligible for an OS version upgrade."
    ),
    "PoolNotFound": "The specified pool does not exist.",
    "PoolQuotaReached": "Pool quota for the account has been reached.",
    "TooManyEnableAutoScaleRequests": (
        "Too many Enable Pool AutoScale requests are issued on the pool."
    ),
    # nodes
    "NodeAlreadyInTargetSchedulingState": (
        "The specified node is already in the target scheduling state."
    ),
    "NodeBeingCreated": "The specified node is being created.",
    "NodeBeingRebooted": "The specified node is being rebooted.",
    "NodeBeingReimaged": "The specified node is being reimaged.",
    "NodeBeingStarted": "The specified node is being started.",
    "NodeNotFound": "The specified node does not exist.",
    "NodeNotReady": "The specified node is not ready.",
    "NodeStateUnusable": "The state of the specified node is unusable.",
    "NodeUserExists": "The specified node user already exists.",
    "NodeUserNotFound": "The specified node user does not exist.",
    "OperationNotValidOnNode": "The specified operation is not valid on the node.",
    # jobs
    "ActiveJobAndScheduleQuotaReached": (
        "Active job and job schedule quota for the account has been reached."
    ),
    "JobBeingDeleted": (
        "The specified job has been marked for deletion and is being garbage collected."
    ),
    "JobBeingTerminated": "The specified job is being terminated.",
    "JobCompleted": "The specified job is already in a completed state.",
    "JobDisabled": "The specified job is disabled.",
    "JobExists": "The specified job already exists.",
    "JobNotFound": "The specified job does not exist.",
    "JobPreparationTaskOrReleaseTaskNotSpecified": (
        "The specified job does not have either job preparation task or job release task."
    ),
    "JobWithSameIdExists": (
        "A job with the specified job schedule id exists. Job and job schedule cannot have the "
        "same id."
    ),
    # job schedules
    "JobScheduleBeingDeleted": (
        "The specified job schedule has been marked for deletion and is being reclaimed."
    ),
    "JobScheduleBeingTerminated": "The specified job schedule is being terminated.",
    "JobScheduleCompleted": "The specified job schedule is already in completed state.",
    "JobScheduleExists": "The specified job schedule already exists.",
    "JobScheduleNotFound": "The specified job schedule does not exist.",
    "JobScheduleWithSameIdExists": (
        "A job schedule with the specified job id exists. Job and job schedule cannot have the "
        "same id."
    ),
    # tasks
    "TaskCompleted": "The specified task is already in a completed state.",
    "TaskDependenciesNotSpecifiedOnJob": (
        "A task was specified as depending on other tasks, but the job did not specify that it "
        "would use task dependencies."
    ),
    "TaskDependencyListTooLong": (
        "A task was specified as depending on other tasks, but the list of dependencies was too "
        "long to be stored."
    ),
    "TaskDependencyRangesTooLong": (
        "A task was specified as depending on multiple ranges of task ids, and the list of ranges "
        "was too long to be stored."
    ),
    "TaskExists": "The specified task already exists.",
    "TaskIdSameAsJobPreparationTask": (
        "The specified task id is same as the job preparation task."
    ),
    "TaskIdSameAsJobReleaseTask": "The specified task id is same as the job release task.",
    "TaskNotCompleted": (
        "The specified task is not in a completed state, and the requested operation can be "
        "performed only on completed tasks."
    ),
    "TaskNotFound": "The specified task does not exist.",
    "TaskSucceeded": (
        "The specified task has already completed successfully, and the requested operation "
        "cannot be performed on successful tasks."
    ),
    # files
    "FileNotFound": "The specified file does not exist.",
    "PathNotFound": "The specified path does not exist.",
    "TaskFilesCleanedup": "The files of the specified task are cleaned up.",
    "TaskFilesUnavailable": "The files of the specified task are unavailable.",
    # applications and certificates
    "ApplicationNotFound": "The specified application does not exist.",
    "CertificateBeingDeleted": (
        "The specified certificate has been marked for deletion and is being deleted."
    ),
    "CertificateExists": "The specified certificate already exists.",
    "CertificateNotFound": "The specified certificate does not exist.",
    "CertificateStateActive": "The specified certificate is in active state.",
    "InvalidApplicationPackageReferences": (
        "One or more application package references could not be satisfied. This occurs if the "
        "application id or version does not exist or is not active, or if the reference did not "
        "specify a version and there is no default version configured."
    ),
    "InvalidCertificateReferences": (
        "One or more certificate references could not be satisfied."
    ),
    # inside resources: why a pool, a job or a task fell short
    "AccountCoreQuotaReached": "The specified account has reached core quota",
    "AccountLowPriorityCoreQuotaReached": (
        "The specified account has reached low priority core quota"
    ),
    "AllocationFailed": "Desired number of nodes could not be allocated",
    "AllocationTimedOut": (
        "Desired number of dedicated nodes could not be allocated as the resize timeout was "
        "reached"
    ),
    "AutoPoolCreationFailedWithQuotaReached": "The pool quota for the account is reached.",
    "CommunicationEnabledPoolReachedMaxVMCount": (
        "The pool has reached the maximum number of nodes with inter-node communication"
    ),
    "InvalidApplicationPackageReferencesInAutoPool": (
        "One or more application packages specified for the pool are invalid."
    ),
    "InvalidAutoScaleFormulaInAutoPool": "The specified auto-scaling settings are not valid.",
    "InvalidCertificatesInAutoPool": (
        "The specified certificate references in the auto pool specification are not valid."
    ),
    "MaxInternalRetryCountReached": "The specified task has reached maximum internal retry count.",
    "TaskEnded": "The task was ended by user request",
}  # fmt: skip
"""The texts by code."""

_OTHERS = {
    403: "The account being accessed does not have sufficient permissions to execute this "
    "operation.",
    404: TEXTS["ResourceNotFound"],
    409: TEXTS["OperationInvalidForCurrentState"],
    500: TEXTS["InternalError"],
    503: TEXTS["ServerBusy"],
}
"""The texts by status, for codes that have none."""


def text_of(code: str, status: int) -> str:
    """The text of an error."""
    return TEXTS.get(code) or _OTHERS.get(status, TEXTS["InvalidInput"])
