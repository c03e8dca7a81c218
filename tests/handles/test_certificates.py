"""What `create_certificate` is given: read, refused by name, and never shown."""

import base64
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import batchlab as bl
from batchlab.core.messages.inputs import CreateCertificate
from batchlab.core.model import CertificateReference
from batchlab.drivers.vault import CertificateContents, NodeCertificate, Vault
from batchlab.lab import BaseLab
from helpers.certificates import cer, pfx, thumbprint
from helpers.fake_connection import FakeConnection

PASSWORD = "open sesame"


class Keeping(FakeConnection):
    """Remembers what was secret about a request."""

    def create_certificate(self, request: Any, contents: Any) -> None:
        self.request(request)
        self.secret = contents


@pytest.fixture
def connection() -> Keeping:
    return Keeping()


@pytest.fixture
def lab(connection: Keeping) -> BaseLab:
    return BaseLab(connection, "Lab()")


@pytest.mark.parametrize("form", ["bytes", "path", "text path", "base 64"])
def test_pfx_is_read_in_every_form(
    lab: BaseLab, connection: Keeping, tmp_path: Path, form: str
) -> None:
    path = tmp_path / "my.pfx"
    path.write_bytes(pfx())
    given: Any = {
        "bytes": pfx(), "path": path, "text path": str(path),
        "base 64": base64.b64encode(pfx()).decode(),
    }[form]  # fmt: skip
    certificate = lab.create_certificate(
        given, password=PASSWORD, thumbprint=thumbprint().upper(), certificate_format="PFX"
    )
    assert certificate.thumbprint == thumbprint()
    assert connection.requests == [
        CreateCertificate(
            thumbprint=thumbprint(),
            certificate_format="pfx",
            public_data=base64.b64encode(cer()).decode(),
        )
    ]
    assert (connection.secret.password, connection.secret.certificate_format) == (PASSWORD, "pfx")


def test_cer_is_read_as_der_or_pem_and_known_by_its_name(
    lab: BaseLab, connection: Keeping, tmp_path: Path
) -> None:
    (tmp_path / "my.cer").write_bytes(cer())
    (tmp_path / "my.pem").write_bytes(cer(pem=True))
    for name in ("my.cer", "my.pem"):
        assert lab.create_certificate(tmp_path / name).thumbprint == thumbprint()
        assert connection.secret.password is None
    lab.create_certificate(pfx(None))  # a pfx may do without a password
    assert connection.secret.certificate_format == "pfx"


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"data": pfx(), "password": "wrong"}, "InvalidPropertyValue", "password"),
    ({"data": pfx()}, "MissingRequiredProperty", "password"),
    ({"data": cer(), "password": "x", "certificate_format": "cer"}, "InvalidPropertyValue",
     "password"),
    ({"data": pfx(), "password": 7}, "InvalidPropertyValue", "password"),
    ({"data": b"nonsense", "password": PASSWORD}, "InvalidPropertyValue", "data"),
    ({"data": b"nonsense", "certificate_format": "cer"}, "InvalidPropertyValue", "data"),
    ({"data": cer(), "password": PASSWORD}, "InvalidPropertyValue", "data"),
    ({"data": "/no/such/file.pfx"}, "InvalidPropertyValue", "data"),
    ({"data": Path("abcd")}, "InvalidPropertyValue", "data"),
    ({"data": 7}, "InvalidPropertyValue", "data"),
    ({"data": pfx(), "password": PASSWORD, "thumbprint": "ab" * 20}, "InvalidPropertyValue",
     "thumbprint"),
    ({"data": pfx(), "password": PASSWORD, "thumbprint": "ab"}, "InvalidPropertyValue",
     "thumbprint"),
    ({"data": pfx(), "password": PASSWORD, "thumbprint": 7}, "InvalidPropertyValue",
     "thumbprint"),
    ({"data": pfx(), "certificate_format": "p7b"}, "InvalidPropertyValue", "certificate_format"),
    ({"data": pfx(), "thumbprint_algorithm": "sha256"}, "InvalidPropertyValue",
     "thumbprint_algorithm"),
    ({"data": pfx(), "pasword": PASSWORD}, "UnsupportedProperty", "pasword"),
    ({"password": PASSWORD}, "MissingRequiredProperty", "data"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "code", "name"), BAD, ids=range(len(BAD)))
def test_bad_certificate_is_refused_by_name_without_a_word_of_what_is_secret(
    lab: BaseLab, connection: Keeping, given: dict[str, Any], code: str, name: str
) -> None:
    with pytest.raises(bl.BatchError) as caught:
        lab.create_certificate(**given)
    error = caught.value
    assert (error.code, error.values["PropertyName"]) == (code, name)
    assert PASSWORD not in f"{error} {error.values}"
    assert connection.requests == []


def test_secret_has_no_repr_and_survives_its_way_to_a_node() -> None:
    contents = CertificateContents(data=pfx(), certificate_format="pfx", password=PASSWORD)
    reference = CertificateReference(thumbprint=thumbprint())
    whole = NodeCertificate(reference=reference, contents=contents)
    assert PASSWORD not in repr(whole)
    assert "data" not in repr(whole)
    again = pickle.loads(pickle.dumps(whole))
    assert again.files() == {
        f"sha1-{thumbprint()}.pfx": contents.data,
        f"sha1-{thumbprint()}.pfx.pw": PASSWORD.encode(),
    }
    vault = Vault()
    vault.keep(thumbprint(), contents)
    assert PASSWORD not in repr(vault)
    vault.forget(thumbprint())
    assert vault.of([reference]) == ()


def test_secret_is_in_no_journal_view_or_display(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    with bl.SimulatedLab(journal=journal) as lab:
        certificate = lab.create_certificate(pfx(), password=PASSWORD)
        pool = lab.create_pool("p", target_dedicated_nodes=1, certificate_references=[certificate])
        pool.nodes.wait("idle")
        (node,) = pool.nodes.values()
        shown = [repr(thing.view()) + thing._repr_html_() for thing in (certificate, pool, node)]
        shown += [repr(lab.certificates), repr(certificate), certificate._repr_html_()]
        shown.append(lab.certificates.to_frame().to_string())
    shown.append(journal.read_text())
    secrets = (PASSWORD, base64.b64encode(pfx()).decode()[:40], repr(pfx())[2:40])
    assert not [text for text in shown if any(secret in text for secret in secrets)]
    assert thumbprint() in journal.read_text()


def test_certificates_without_cryptography_are_refused_with_the_cure() -> None:
    code = """
import sys
sys.modules["cryptography"] = None
import batchlab as bl
with bl.SimulatedLab() as lab:
    try:
        lab.create_certificate(b"x", certificate_format="cer")
    except bl.Conflict as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "batchlab[certificates]"' in done.stdout
