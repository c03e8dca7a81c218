"""The names that the file conventions give, to the letter."""

import hashlib

import pytest

from batchlab.core.model.files import is_container_name
from batchlab.errors import InvalidRequest
from batchlab.storage.conventions import job_container_name, output_prefix


@pytest.mark.parametrize(
    ("job_id", "name"),
    [
        ("MyTerrificJob", "job-myterrificjob"),
        ("my-_EVEN_MORE_-terrific-job",
         "job-my-even-more-te-68b05a7d8aa6aa65b9a6892c667a6c406a16ad65"),
        ("a", "job-a"),
        ("x" * 59, "job-" + "x" * 59),
        ("x" * 60, "job-" + "x" * 15 + "-" + hashlib.sha1(b"x" * 60).hexdigest()),
        ("nightly:job-1", "job-nightly-job-1-" + hashlib.sha1(b"nightly:job-1").hexdigest()),
        ("_", "job-job-" + hashlib.sha1(b"_").hexdigest()),
        ("ends-", "job-ends-" + hashlib.sha1(b"ends-").hexdigest()),
        ("abcdefghijklmn-_o",
         "job-abcdefghijklmn-" + hashlib.sha1(b"abcdefghijklmn-_o").hexdigest()),
    ],
)  # fmt: skip
def test_container_of_a_job_is_named_after_it(job_id, name):
    assert job_container_name(job_id) == name
    assert is_container_name(name)


def test_outputs_have_a_directory_for_each_kind():
    assert output_prefix("JobOutput", None, "x") == "$JobOutput"
    assert output_prefix("tasklog", "T1", "x") == "T1/$TaskLog"
    for kind, task in (("TaskLog", None), ("JobOutput", "t"), ("", None), (None, None)):
        with pytest.raises(InvalidRequest) as refused:
            output_prefix(kind, task, "x")
        assert refused.value.values["PropertyName"] == "kind"
