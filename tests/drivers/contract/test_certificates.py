"""Certificates: put where their visibility says, opened by real programs, deleted or not."""

import base64
import sys

import pytest

import batchlab as bl
from helpers.certificates import cer, pfx, sealed, thumbprint
from helpers.stories import SOON, only, pool_of, refused, run, sh

PASSWORD = "open sesame"
OPEN = """
import os, sys
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import pkcs12
base = os.environ["AZ_BATCH_CERTIFICATES_DIR"] + "/sha1-" + sys.argv[1] + ".pfx"
password = open(base + ".pw", "rb").read()
key = pkcs12.load_key_and_certificates(open(base, "rb").read(), password)[0]
scheme = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
print(key.decrypt(open("secret", "rb").read(), scheme).decode())
"""


def names(files, directory):
    return [entry.name.rpartition("/")[2] for entry in files.list(f"{directory}/certs")]


@pytest.mark.processes
@pytest.mark.worlds("light")
def test_secret_is_opened_in_a_task_with_the_certificate_of_its_pool(lab, tmp_path):
    certificate = lab.create_certificate(pfx(), password=PASSWORD)
    (tmp_path / "secret").write_bytes(sealed("the answer is 42"))
    (tmp_path / "open.py").write_text(OPEN)
    job = lab.create_job("j", pool_of(lab, certificate_references=[certificate]))
    task = job.create_task(
        "t", f"{sys.executable} open.py {certificate.thumbprint}",
        resource_files=[str(tmp_path / "secret"), str(tmp_path / "open.py")],
    )  # fmt: skip
    task.wait(timeout=SOON)
    assert (task.stdout, task.stderr) == ("the answer is 42\n", "")


@pytest.mark.processes
def test_certificates_are_where_their_visibility_says(lab):
    lab.create_certificate(pfx(), password=PASSWORD)
    lab.create_certificate(cer(2), certificate_format="cer")
    lab.create_certificate(pfx(None, 3))
    first, second, third = lab.certificates
    assert [first, second, third] == [thumbprint(1), thumbprint(2), thumbprint(3)]
    listing = sh("ls $AZ_BATCH_CERTIFICATES_DIR")
    pool = pool_of(
        lab, start_task=listing,
        certificate_references=[
            bl.CertificateReference(thumbprint=first, visibility=["starttask"]),
            bl.CertificateReference(thumbprint=second, visibility=["Task"]),
            bl.CertificateReference(thumbprint=third, visibility=["remoteuser"]),
        ],
    )  # fmt: skip
    node = only(pool.nodes.values())
    assert [c.thumbprint for c in node.certificate_references] == [first, second, third]
    own = [f"sha1-{first}.pfx", f"sha1-{first}.pfx.pw"]
    assert node.files.text("startup/stdout.txt").split() == own
    assert names(node.files, "startup") == own
    job = lab.create_job("j", pool, job_preparation_task=listing)
    task = only(run(job, listing))
    assert task.stdout.split() == [f"sha1-{second}.cer"] == names(task.files, ".")
    assert task.files.read(f"certs/sha1-{second}.cer") == cer(2)
    assert node.files.text(f"startup/certs/sha1-{first}.pfx.pw") == PASSWORD
    assert names(node.files, "workitems/j/job-1/jobpreparation") == [f"sha1-{second}.cer"]


def test_certificate_reaches_a_live_node_at_its_reboot_and_leaves_it_so(lab):
    certificate = lab.create_certificate(pfx(), password=PASSWORD)
    pool = pool_of(lab)
    job = lab.create_job("j", pool)
    node = only(pool.nodes.values())
    listing = sh("ls $AZ_BATCH_CERTIFICATES_DIR")
    pool.update(certificate_references=[certificate])
    assert run(job, listing)[0].stdout == ""
    node.reboot()
    node.wait("idle", timeout=SOON)
    assert len(run(job, listing)[0].stdout.split()) == 2
    pool.update(certificate_references=[])
    certificate.delete()
    certificate.wait("deletefailed", timeout=SOON)
    assert certificate.delete_certificate_error.values == {"NodeIds": node.id}
    node.reboot()
    node.wait("idle", timeout=SOON)
    certificate.delete()
    certificate.wait(timeout=SOON)
    assert run(job, listing)[0].stdout == ""
    with refused("CertificateNotFound"):
        _ = certificate.state


@pytest.mark.rule(102)
def test_certificate_in_use_cannot_be_deleted_until_nobody_has_it(lab):
    certificate = lab.create_certificate(cer(), certificate_format="cer")
    with refused("CertificateStateActive"):
        certificate.cancel_deletion()
    pool = lab.create_pool("p", certificate_references=[certificate.thumbprint.upper()])
    certificate.delete()
    assert certificate.state == "deleting"
    for act in (certificate.delete, certificate.cancel_deletion):
        with refused("CertificateBeingDeleted"):
            act()
    with refused("InvalidCertificateReferences"):
        lab.create_pool("q", certificate_references=[certificate])
    certificate.wait("deletefailed", timeout=SOON)
    error = certificate.delete_certificate_error
    assert (error.code, error.values) == ("CertificateDeleteFailed", {"PoolIds": "p"})
    with refused("InvalidCertificateReferences"):
        pool.update(certificate_references=[certificate])
    certificate.cancel_deletion()
    assert (certificate.state, certificate.previous_state) == ("active", "deletefailed")
    assert certificate.delete_certificate_error is None
    pool.delete()
    pool.wait("deleted", timeout=SOON)
    certificate.delete()
    certificate.wait("deleted", timeout=SOON)
    assert list(lab.certificates) == []
    lab.create_certificate(cer(), certificate_format="cer")


@pytest.mark.code("InvalidCertificateReferences")
def test_certificate_that_is_not_there_is_refused(lab):
    for references in (["a" * 40], ["AA:" * 19 + "AA"]):
        with refused("InvalidCertificateReferences"):
            lab.create_pool("p", certificate_references=references)
    with refused("InvalidPropertyValue"):
        lab.create_pool("p", certificate_references=["abc"])
    lab.create_certificate(cer(), certificate_format="cer")
    with refused("CertificateExists"):
        lab.create_certificate(pfx(), password=PASSWORD)
    with refused("CertificateNotFound"):
        _ = lab.certificates["b" * 40]
    assert base64.b64decode(only(lab.certificates.values()).public_data) == cer()
