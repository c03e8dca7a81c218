"""Addresses of schedulers: certificates, and what is said if no scheduler answers there."""

import contextlib
import http.server
import os
import socket
import threading

import pytest
from distributed import LocalCluster
from distributed.security import Security

import batchlab as bl
from batchlab.drivers.dask import attachment, probe
from batchlab.errors import NotInstalled


def refusal_of(address, answer_s=2.0, **options):
    """What it is refused with that a client has no patience with; who answers has time for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attachment, "CONNECT_S", 0.3)
        patch.setattr(probe, "ANSWER_S", answer_s)
        with pytest.raises(bl.BatchError) as refused:
            bl.Lab(address, **options)
    return refused.value


@contextlib.contextmanager
def server(protocol, says=b""):
    """A server that says something and then listens; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    link, _ = listener.accept()
                    links.append(link)
                    link.sendall(says)

        links = []
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"{protocol}://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for link in links:
            link.close()


@pytest.fixture
def web():
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as web:
        thread = threading.Thread(target=web.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{web.server_port}"
        web.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def plain():
    with LocalCluster(n_workers=0, processes=False, protocol="tcp", host="127.0.0.1",
                      dashboard_address=":0") as cluster:  # fmt: skip
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """The files of a cluster's certificates, and the security of the cluster."""
    folder = tmp_path_factory.mktemp("certificates")
    return _certificates(folder)


def _certificates(folder):
    security = Security.temporary()
    names = {"tls_ca_file": security.tls_ca_file, "tls_client_cert": security.tls_client_cert,
             "tls_client_key": security.tls_client_key}  # fmt: skip
    for name, text in names.items():
        (folder / name).write_text(text)
    return {name: folder / name for name in names}, security


@pytest.fixture(scope="module")
def secure(certificates):
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, protocol="tls",
                      host="127.0.0.1", security=certificates[1],
                      dashboard_address=":0") as cluster:  # fmt: skip
        yield cluster.scheduler_address


def test_lab_on_a_cluster_with_certificates(secure, certificates):
    paths, security = certificates
    for given in (paths, {name: str(path) for name, path in paths.items()}, security):
        with bl.Lab(secure, security=given) as lab:
            pool = lab.create_pool("p", target_dedicated_nodes=1)
            assert lab.create_job("j", pool).map(abs, [-1]).results(timeout="1m") == [1]
            lab.shutdown()


def test_address_with_tls_needs_certificates(secure):
    error = refusal_of(secure)
    assert (error.code, error.values["PropertyName"]) == ("InvalidPropertyValue", "security")
    assert f"{secure} uses TLS, which needs certificates: Lab(address, security={{" in str(error)


def test_certificates_of_another_authority_are_refused(secure, tmp_path):
    error = refusal_of(secure, security=_certificates(tmp_path)[0])
    assert isinstance(error, bl.Forbidden)
    assert error.code == "AuthorizationFailure"
    assert f"{secure} and this client do not accept each other's certificates" in str(error)


def test_plain_address_of_a_cluster_with_tls_names_the_other(secure):
    error = refusal_of(secure.replace("tls", "tcp"))
    assert f"speaks TLS: use {secure}, with Lab(address, security=" in str(error)


def test_tls_address_of_a_plain_cluster_names_the_other(plain, certificates):
    error = refusal_of(plain.replace("tcp", "tls"), security=certificates[0])
    assert f"does not speak TLS: if it is a scheduler, its address is {plain}" in str(error)


@pytest.mark.parametrize(("security", "wanted"), [
    ("secret", "must be a distributed.Security, or a mapping of paths"),
    ({"ca": "x"}, "must be one of tls_ca_file, tls_client_cert, tls_client_key"),
    ({"tls_ca_file": "/no/such/file"}, "is not a file on this machine; it must be the cert"),
    ({"tls_ca_file": 5}, "is not a file on this machine"),
    ({"tls_ca_file": os.devnull}, "is not a file on this machine"),
    ({"tls_ca_file": __file__}, "uses TLS, which needs certificates"),
    (dict.fromkeys(("tls_ca_file", "tls_client_cert", "tls_client_key"), __file__),
     "the certificates cannot be used"),
])  # fmt: skip
def test_security_that_is_none_is_refused(security, wanted):
    error = refusal_of("tls://127.0.0.1:9", security=security)
    assert (type(error), error.code) == (bl.InvalidRequest, "InvalidPropertyValue")
    assert wanted in str(error)


def test_security_is_for_addresses(plain):
    with pytest.raises(bl.InvalidRequest, match="only for the address of an existing cluster"):
        bl.Lab(security={})
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as cluster,
        pytest.raises(bl.InvalidRequest, match="a cluster or a client has its own"),
    ):
        bl.Lab(cluster, security={})


def test_port_where_nothing_listens():
    with socket.socket() as bound:  # so that nobody else comes to listen there
        bound.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{bound.getsockname()[1]}"
        error = refusal_of(address)
    assert (type(error), error.code) == (bl.NotFound, "ResourceNotFound")
    assert f"at {address}: Connection refused: check the port" in str(error)


def test_name_that_is_not_known():
    error = refusal_of("tcp://no-such-host.invalid:8786")
    assert "the name 'no-such-host.invalid' is not known here" in str(error)


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
def test_port_of_a_web_server(web, protocol, certificates):
    options = {"security": certificates[0]} if protocol == "tls" else {}
    error = refusal_of(f"{protocol}://{web}", **options)
    assert error.code == "ResourceNotFound"
    assert ("web server" if protocol == "tcp" else "does not speak TLS") in str(error)


@pytest.mark.parametrize(("says", "wanted"), [
    (b"", "something listens there, but does not speak like a scheduler"),
    (b"SSH-2.0-OpenSSH_9.2p1\r\n", "another program listens there, which says 'SSH-2.0-Op"),
])  # fmt: skip
def test_port_of_another_program(says, wanted):
    with server("tcp", says) as address:
        assert wanted in str(refusal_of(address, answer_s=2.0 if says else 0.5))


@pytest.mark.code("InvalidUri")
@pytest.mark.parametrize("address", [
    "http://127.0.0.1:8787", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:99999", "tcp://h:port",
    "tcp://:8786", "://", "tls://127.0.0.1:0",
])  # fmt: skip
def test_text_that_is_no_address(address):
    error = refusal_of(address)
    assert error.code == "InvalidUri"
    assert "int()" not in str(error)


@pytest.mark.parametrize("form", [" {}", "{}/", "{}\n", " {}// "])
def test_address_may_be_copied_with_what_is_around_it(plain, form):
    with bl.Lab(form.format(plain), account="copied") as lab:
        lab.shutdown()


def test_plain_address_with_certificates_names_the_other(plain, certificates):
    for security in (certificates[0], {}):
        error = refusal_of(plain, security=security)
        assert error.code == "InvalidPropertyValue"
        assert f"use {plain.replace('tcp', 'tls')}" in str(error)


def test_address_of_a_worker():
    with LocalCluster(n_workers=1, processes=False, protocol="tcp", host="127.0.0.1",
                      dashboard_address=":0") as cluster:  # fmt: skip
        (worker,) = cluster.workers.values()
        error = refusal_of(worker.address)
    assert error.code == "ResourceNotFound"
    assert "but a worker: use the address of the scheduler" in str(error)


def test_kind_of_network_that_is_not_installed_here(monkeypatch):
    class Client:
        def __init__(self, *_, **__):
            raise TypeError("Can't instantiate abstract class UCXConnector")

    monkeypatch.setattr(attachment, "Client", Client)
    error = refusal_of("ucx://127.0.0.1:9")
    assert error.code == "InvalidPropertyValue"
    assert "use the scheduler's address, such as tcp://host:8786" in str(error)


def test_gateway_address_needs_its_library():
    try:
        import dask_gateway  # noqa: F401
    except ImportError:
        error = refusal_of("gateway://127.0.0.1:9/cluster")
        assert isinstance(error, NotInstalled)
        assert "pip install dask-gateway" in str(error)
    else:
        error = refusal_of("gateway://127.0.0.1:9/cluster")
        assert "dask-gateway has no cluster for gateway://127.0.0.1:9/cluster" in str(error)
