"""Where a lab may keep its data, and what is refused."""

import pytest

import batchlab as bl
from batchlab.storage.faults import StorageFailed
from batchlab.storage.filesystems import azure_url
from batchlab.storage.locations import read_location
from batchlab.storage.stores import BlobStore


def refusal(storage, options=None, lab=bl.SimulatedLab, **more):
    with pytest.raises(bl.InvalidRequest) as refused:
        lab(storage=storage, storage_options=options, **more)
    return refused.value


@pytest.mark.parametrize(
    "storage", ["", 7, b"x", "a\0b", "http://host/x", "https://host/x", "simplecache::s3://b",
                "memory://", "memory:///", ["x"]]
)  # fmt: skip
def test_place_that_cannot_hold_data_is_refused(storage):
    for lab in (bl.SimulatedLab, bl.Lab):
        error = refusal(storage, lab=lab)
        assert (error.code, error.values["PropertyName"]) == ("InvalidPropertyValue", "storage")


def test_unknown_protocol_is_no_uri():
    assert refusal("nonsense://x/y").code == "InvalidUri"


def test_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    error = refusal(tmp_path / "file" / "below")
    assert "cannot be used" in error.message


def test_missing_library_names_the_extra(monkeypatch):
    def nothing(protocol):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.get_filesystem_class", nothing)
    assert 'pip install "batchlab[s3]"' in refusal("s3://bucket/x").message


@pytest.mark.parametrize("options", [7, "x", {1: "x"}, {"key": object()}, {"key": b"x"}])
def test_options_that_cannot_travel_are_refused_and_not_shown(options):
    error = refusal("/tmp/x", options)
    assert (error.code, error.values["PropertyName"]) == (
        "InvalidPropertyValue", "storage_options",
    )  # fmt: skip
    assert "object" not in error.message


def test_options_without_a_place_are_refused():
    assert refusal(None, {"key": "x"}).values["PropertyName"] == "storage_options"


def test_memory_is_not_for_nodes_in_other_processes():
    assert "other processes" in refusal("memory://x", lab=bl.Lab, processes=True).message


def test_accounts_have_parts_of_their_own(tmp_path):
    location = read_location(tmp_path)
    assert location.base == f"file://{tmp_path}/batchlab/"
    assert location.of_account("b").base == f"file://{tmp_path}/b/"
    bare = read_location("s3://")
    assert bare.base == "s3://"
    with pytest.raises(bl.InvalidRequest, match="needs its own part"):
        bare.of_account("b")


def test_secrets_are_never_shown(tmp_path):
    location = read_location(tmp_path, {"key": "hush"})
    with bl.SimulatedLab(storage=tmp_path, storage_options={"auto_mkdir": True}) as lab:
        assert "hush" not in repr(location)
        assert "auto_mkdir" not in repr(lab.storage) + repr(lab)


def test_data_in_a_given_place_outlives_the_lab_and_other_data_does_not(tmp_path):
    with bl.SimulatedLab(storage=tmp_path) as lab:
        lab.storage.create_container("box").upload(b"kept", "x")
    with bl.SimulatedLab(storage=str(tmp_path)) as lab:
        assert lab.storage["box"].read("x") == b"kept"
    assert (tmp_path / "batchlab" / "box" / "x").read_bytes() == b"kept"
    with bl.SimulatedLab() as lab:
        box = lab.storage.create_container("box")
        box.upload(b"gone", "x")
        with bl.SimulatedLab() as other:
            assert list(other.storage) == []
    with pytest.raises(bl.NotFound):
        box.read("x")


def test_folder_that_is_not_on_this_machine_says_what_to_do(tmp_path):
    store = BlobStore(read_location(tmp_path / "elsewhere"))
    for use in (store.container("box").create, store.container("box").check):
        with pytest.raises(StorageFailed, match=r"set Lab\(\.\.\., storage="):
            use()


@pytest.mark.parametrize(
    ("url", "opened"),
    [
        (
            "https://acc.blob.core.windows.net/box?sv=1&sig=x%3D",
            ("abfs://box", {"account_name": "acc", "account_host": "acc.blob.core.windows.net",
                            "sas_token": "sv=1&sig=x%3D", "assume_container_exists": True}),
        ),
        (
            "http://127.0.0.1:10000/acc/box?sv=1&sig=x%3D",
            ("abfs://box", {
                "connection_string": "BlobEndpoint=http://127.0.0.1:10000/acc;"
                "SharedAccessSignature=sv=1&sig=x%3D",
                "assume_container_exists": True,
            }),
        ),
        ("http://127.0.0.1:10000/acc/box", None),
        ("http://127.0.0.1:10000/acc/box/more?sv=1&sig=x%3D", None),
        (
            "https://acc.blob.core.windows.net/box/",
            ("abfs://box", {"account_name": "acc", "account_host": "acc.blob.core.windows.net",
                            "anon": True}),
        ),
        ("https://example.org/box", None),
        ("s3://blob.core.x/box", None),
    ],
)  # fmt: skip
def test_address_of_a_container_at_azure_is_read_with_its_signature(url, opened):
    assert azure_url(url) == opened
