import hashlib
import io
import logging
import re
import tarfile
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from segmill.datasets import IngestProducer, download, fetch, locate
from segmill.errors import ConfigError, IntegrityError
from segmill.progress import log
from tests.datasets.conftest import blobs, grey, save


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, logs nothing, and counts what it was asked for."""

    asked: list = []  # noqa: RUF012 - shared by the handlers of one test on purpose

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


class Breaking(Quiet):
    """Promises a body and breaks off in the middle of it."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"x" * 5000)


@pytest.fixture
def serve():
    """Start a server of a folder on 127.0.0.1 and give its address."""
    servers = []

    def start(folder, handler=Quiet):
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    Quiet.asked = []
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def no_retries(monkeypatch):
    # A retry waits for seconds; pooch's own tests cover it.
    monkeypatch.setattr(download, "RETRIES", 0)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def archive(tmp_path):
    """A zip of an image and a mask in a folder served over HTTP."""
    folder = tmp_path / "server"
    save(tmp_path / "raw" / "img" / "a.png", grey())
    save(tmp_path / "raw" / "lab" / "a.png", blobs())
    folder.mkdir()
    with zipfile.ZipFile(folder / "data.zip", "w") as opened:
        for path in sorted((tmp_path / "raw").rglob("*.png")):
            opened.write(path, path.relative_to(tmp_path / "raw"))
    return folder / "data.zip"


def test_download_unpack_and_ingest(archive, serve, tmp_path):
    config = {
        "name": "served",
        "reader": "folder",
        "download": {
            "url": f"{serve(archive.parent)}/data.zip",
            "sha256": sha256(archive),
            "unpack": "zip",
        },
        "path": "data",
        "images": {"pattern": "img/*"},
        "masks": {"pattern": "lab/*"},
        "labels": {"kind": "instances"},
        "split": {"rest": "test"},
    }
    cache = tmp_path / "cache"
    with pytest.raises(ConfigError, match="inside the download: expected a folder"):
        IngestProducer(config, cache)
    files = fetch(config, cache)
    assert files == [
        {"url": config["download"]["url"], "file": "data.zip", "sha256": sha256(archive)}
    ]
    assert locate(config, cache) == cache / "data"
    assert len(IngestProducer(config, cache).plan()) == 1
    assert fetch(config, cache) == files
    assert Quiet.asked == ["/data.zip"]


def test_an_interrupted_unpacking_is_done_again(archive, serve, tmp_path):
    entry = {"url": f"{serve(archive.parent)}/data.zip", "sha256": None, "unpack": "zip"}
    (tmp_path / "cache" / "data" / "img").mkdir(parents=True)
    fetch({"download": entry}, tmp_path / "cache")
    assert (tmp_path / "cache" / "data" / "lab" / "a.png").is_file()


def test_a_new_archive_replaces_what_the_old_one_held(archive, serve, tmp_path):
    url = f"{serve(archive.parent)}/data.zip"
    config = {"download": {"url": url, "sha256": sha256(archive), "unpack": "zip"}}
    cache = tmp_path / "cache"
    fetch(config, cache)
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("other.txt", "new")
    config["download"]["sha256"] = sha256(archive)
    fetch(config, cache)
    held = sorted(p.name for p in (cache / "data").iterdir())
    assert held == [".segmill-archive", "other.txt"]


def test_tar(serve, tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    with tarfile.open(folder / "data.tar.gz", "w:gz") as opened:
        info = tarfile.TarInfo("deep/a.txt")
        info.size = 2
        opened.addfile(info, io.BytesIO(b"hi"))
    entry = {"url": f"{serve(folder)}/data.tar.gz", "sha256": None, "unpack": "tar"}
    fetch({"download": [entry]}, tmp_path / "cache")
    assert (tmp_path / "cache" / "data" / "deep" / "a.txt").read_text() == "hi"


def test_a_tar_that_points_outside_is_refused(serve, tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    with tarfile.open(folder / "data.tar", "w") as opened:
        opened.addfile(tarfile.TarInfo("../../evil.txt"), io.BytesIO(b""))
    entry = {"url": f"{serve(folder)}/data.tar", "sha256": None, "unpack": "tar"}
    with pytest.raises(IntegrityError, match="OutsideDestinationError"):
        fetch({"download": entry}, tmp_path / "cache")
    assert not (tmp_path / "evil.txt").exists()
    assert sorted(p.name for p in (tmp_path / "cache").iterdir()) == ["data.tar"]


def test_every_failed_download_is_named_and_nothing_is_left(archive, serve, tmp_path):
    url = serve(archive.parent)
    wrong = "0" * 64
    entries = [
        {"url": f"{url}/data.zip", "sha256": wrong, "unpack": "zip"},
        {"url": f"{url}/none.zip", "sha256": None},
        {"url": "http://127.0.0.1:9/refused.zip", "sha256": None},
    ]
    with pytest.raises(IntegrityError) as caught:
        fetch({"download": entries}, tmp_path / "cache")
    mismatch, absent, refused = caught.value.problems
    assert mismatch.file == f"{url}/data.zip"
    assert mismatch.expected == f"sha256 {wrong}"
    assert mismatch.found == f"sha256 {sha256(archive)}"
    assert "404" in absent.found
    assert "ConnectionError" in refused.found
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_broken_connection_leaves_nothing(serve, tmp_path):
    entry = {"url": f"{serve(tmp_path, Breaking)}/data.zip", "sha256": None}
    with pytest.raises(IntegrityError, match="expected a file to download"):
        fetch({"download": entry}, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_file_that_is_no_archive(serve, tmp_path):
    (tmp_path / "data.zip").write_text("no archive")
    entry = {"url": f"{serve(tmp_path)}/data.zip", "sha256": None, "unpack": "zip"}
    with pytest.raises(IntegrityError, match="expected a zip archive, found BadZipFile"):
        fetch({"download": entry}, tmp_path / "cache")
    assert sorted(p.name for p in (tmp_path / "cache").iterdir()) == ["data.zip"]


def test_the_checksum_of_an_unpinned_file_is_logged(archive, serve, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(log, "propagate", True)
    entry = {"url": f"{serve(archive.parent)}/data.zip", "sha256": None}
    with caplog.at_level(logging.WARNING, logger="segmill"):
        fetch({"download": entry}, tmp_path / "cache")
    assert f"sha256: {sha256(archive)}" in caplog.text


def test_wrong_keys_are_all_named(tmp_path):
    entries = [
        {"url": "http://a/x.zip", "unpack": "rar"},
        {"url": "http://b/x.zip", "md5": "1"},
        {"sha256": None},
        {"url": "http://c/", "sha256": None},
    ]
    with pytest.raises(ConfigError) as caught:
        fetch({"download": entries}, tmp_path)
    for part in ("found 'rar'", "unknown keys ['md5']", "url: missing", "name of its own for http"):
        assert part in str(caught.value)
    assert "expected a file name for http://c/" in str(caught.value)


def test_unset_variable(tmp_path, monkeypatch):
    monkeypatch.delenv("SOME_DATA", raising=False)
    message = re.escape("path: $SOME_DATA/x: expected the environment variable SOME_DATA")
    with pytest.raises(ConfigError, match=message):
        locate({"path": "$SOME_DATA/x"}, tmp_path)


def test_set_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_DATA", str(tmp_path))
    (tmp_path / "x").mkdir()
    assert locate({"path": "${SOME_DATA}/x"}, tmp_path / "cache") == tmp_path / "x"


def test_missing_folder_names_what_there_is(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(ConfigError, match=f"found no {tmp_path}/img; {tmp_path} holds images"):
        locate({"path": f"{tmp_path}/img"}, tmp_path)
