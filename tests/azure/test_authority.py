"""The authority is kept, private, limited to Azure's names, and replaced before it ends."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import batchlab as bl
from batchlab.azure.authority import FILE, LIFE, MARGIN, Authority

NOW = datetime.now(UTC)


def test_authority_is_kept_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    first = Authority(folder)
    assert Authority(folder).pem == first.pem
    assert [path.name for path in folder.iterdir()] == [FILE]
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert b"PRIVATE" not in first.pem


def test_authority_is_replaced_before_it_ends(tmp_path: Path) -> None:
    first = Authority(tmp_path, NOW)
    assert first.ends - NOW == pytest.approx(LIFE, abs=timedelta(seconds=1))
    late = NOW + LIFE - MARGIN
    assert Authority(tmp_path, late - timedelta(minutes=1)).pem == first.pem
    assert Authority(tmp_path, late + timedelta(minutes=1)).pem != first.pem


@pytest.mark.parametrize("spoil", [
    lambda path: path.chmod(0o644),
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(path.read_bytes()[:200]),
    lambda path: path.write_bytes(path.read_bytes().replace(b"PRIVATE", b"SECRET")),
])  # fmt: skip
def test_authority_that_is_no_longer_good_is_replaced(spoil: object, tmp_path: Path) -> None:
    first = Authority(tmp_path)
    spoil(tmp_path / FILE)  # type: ignore[operator]
    second = Authority(tmp_path)
    assert second.pem != first.pem
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert Authority(tmp_path).pem == second.pem


def test_key_of_another_authority_is_not_taken(tmp_path: Path) -> None:
    Authority(tmp_path / "a"), Authority(tmp_path / "b")
    one, other = ((tmp_path / name / FILE).read_bytes() for name in "ab")
    mark = b"-----BEGIN PRIVATE"
    mixed = one.partition(mark)[0] + mark + other.partition(mark)[2]
    (tmp_path / "a" / FILE).write_bytes(mixed)
    assert Authority(tmp_path / "a").pem not in mixed


def test_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(bl.InvalidRequest, match="cannot keep the certificate authority there"):
        Authority(tmp_path / "file" / "data")


def handshake(
    folder: Path, authority: Authority, *, trusted: bytes, called: str, name: str
) -> str:
    """What a client says that trusts this and calls a server with a certificate of that name."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (folder / "leaf.pem").write_bytes(authority.issue(name))
    server.load_cert_chain(folder / "leaf.pem")
    (folder / "trusted.pem").write_bytes(trusted)
    client = ssl.create_default_context(cafile=str(folder / "trusted.pem"))
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=called):
            return "good"
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize(("name", "said"), [
    ("management.azure.com", "good"), ("a.westeurope.batch.azure.com", "good"),
    ("a.blob.core.windows.net", "good"), ("127.0.0.1", "good"), ("localhost", "good"),
    ("example.com", "permitted subtree violation"), ("10.0.0.1", "permitted subtree violation"),
    ("portal.azure.com", "permitted subtree violation"),
])  # fmt: skip
def test_certificates_are_good_for_azure_s_names_only(
    name: str, said: str, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "data")
    found = handshake(tmp_path, authority, trusted=authority.pem, called=name, name=name)
    assert found == said


def test_certificate_of_another_user_s_authority_is_not_trusted(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    name = "management.azure.com"
    said = handshake(tmp_path, authority, trusted=other.pem, called=name, name=name)
    assert "unable to get local issuer certificate" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_file_of_another_user_is_not_taken(tmp_path: Path) -> None:
    first = Authority(tmp_path)
    os.chown(tmp_path / FILE, 12345, -1)
    assert Authority(tmp_path).pem != first.pem
