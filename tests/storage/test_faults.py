"""What errors of stores mean, in whatever form they come."""

import errno

import pytest

from batchlab.storage.faults import StorageFailed, failed, faults


def with_status(name, status):
    error = OSError("answered")
    setattr(error, name, status)
    return error


def of_botocore(status):
    error = Exception("an answer")
    error.response = {"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {"Code": "X"}}
    return error


def caused(error, cause):
    error.__cause__ = cause
    return error


class ReadTimeoutError(Exception):
    """As botocore and urllib3 call theirs."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError("x"), "blob"),
        (FileNotFoundError(errno.ENOENT, "x"), "blob"),
        (NotADirectoryError(errno.ENOTDIR, "x"), "blob"),
        (caused(FileNotFoundError("http://x"), ConnectionRefusedError("nobody")), "other"),
        (caused(FileNotFoundError("http://x"), with_status("status", 404)), "blob"),
        (PermissionError("x"), "denied"),
        (with_status("status", 403), "denied"),
        (with_status("status_code", 401), "denied"),
        (caused(ValueError("assumed"), with_status("status_code", 403)), "denied"),
        (with_status("status", 500), "other"),
        (of_botocore(404), "blob"),
        (of_botocore(403), "denied"),
        (TimeoutError("x"), "timeout"),
        (TimeoutError(), "timeout"),
        (ReadTimeoutError("x"), "timeout"),
        (with_status("status_code", 504), "timeout"),
        (OSError(errno.ENOSPC, "full"), "other"),
        (ConnectionResetError("x"), "other"),
        (RuntimeError("x"), "other"),
    ],
)
def test_error_of_a_store_has_a_kind_and_a_reason(error, kind):
    found = failed(error)
    assert found.kind == kind
    assert found.reason
    with pytest.raises(StorageFailed) as raised, faults():
        raise error
    assert raised.value.kind == kind


def test_fault_that_is_known_already_stays_as_it_is():
    fault = StorageFailed("container", "gone")
    assert failed(fault) is fault
    with pytest.raises(StorageFailed) as raised, faults():
        raise fault
    assert raised.value is fault
    assert str(fault) == "gone"
