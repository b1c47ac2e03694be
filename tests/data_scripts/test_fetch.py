"""Downloads continue where they were cut, are checked before they take their name, and fail with what to do."""

import errno
import gzip
import hashlib
import http.server
import json
import re
import shutil
import threading

import pytest
from tqdm import tqdm

from data_scripts._fetch import CHECKSUMS, FetchError, fetch

CONTENT = bytes(k * k % 251 for k in range(200_000))
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """One file at /file.bin, with ETag and Range; `cut` closes the connection after so many bytes of an answer."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.cut, self.headers, self.ranges, self.asked = CONTENT, None, {}, True, []
        self.sent = 0

    def handle_error(self, *_):
        pass  # a client that gives up is what some tests are about

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/file.bin"

    def etag(self):
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.asked.append(asked)
        if self.path != "/file.bin":
            self.send_error(int(self.path.strip("/")))
            return
        start, size = 0, len(server.content)
        fresh = self.headers.get("If-Range") in (None, server.etag())
        if asked and server.ranges and fresh:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
        if start >= size:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        for name, value in ({"ETag": server.etag()} | server.headers).items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        body = server.content[start:][: server.cut]
        self.wfile.write(body)
        server.sent += len(body)
        if server.cut is not None:
            self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_and_is_not_fetched_twice(server, tmp_path):
    assert fetch(server.url, tmp_path, sha256=SHA256, size=len(CONTENT)).read_bytes() == CONTENT
    assert fetch(server.url, tmp_path, sha256=SHA256) == tmp_path / "file.bin"
    assert server.asked == [None] and names(tmp_path) == ["file.bin"]


def test_a_cut_connection_is_continued_and_only_the_rest_is_sent(server, tmp_path):
    server.cut = 120_000
    with pytest.raises(FetchError, match=r"file\.bin.*cut after 120,000 of 200,000.*same command again"):
        fetch(server.url, tmp_path, sha256=SHA256)
    assert names(tmp_path) == ["file.bin.part", "file.bin.part.json"]
    server.cut = None
    assert fetch(server.url, tmp_path, sha256=SHA256).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=120000-"] and server.sent == len(CONTENT)
    assert names(tmp_path) == ["file.bin"]


def test_a_download_may_be_cut_many_times(server, tmp_path):
    server.cut = 30_000
    for _ in range(6):
        with pytest.raises(FetchError, match="cut"):
            fetch(server.url, tmp_path, sha256=SHA256)
    assert fetch(server.url, tmp_path, sha256=SHA256).read_bytes() == CONTENT
    assert server.sent == len(CONTENT)


@pytest.mark.parametrize(
    "headers", [{}, {"ETag": None, "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, {"ETag": 'W/"weak"'}]
)
def test_another_file_of_the_same_size_starts_anew(server, tmp_path, headers):
    server.headers, server.cut = headers, 120_000
    with pytest.raises(FetchError, match="cut"):
        fetch(server.url, tmp_path)
    server.content, server.cut = CONTENT[::-1], None
    if headers:
        server.headers = {
            key: value and value.replace("2024", "2025").replace("weak", "other") for key, value in headers.items()
        }
    assert fetch(server.url, tmp_path).read_bytes() == CONTENT[::-1]


def test_a_shorter_file_or_a_server_without_ranges_or_marks_starts_anew(server, tmp_path):
    server.cut = 120_000
    with pytest.raises(FetchError, match="cut"):
        fetch(server.url, tmp_path)
    server.content, server.cut = CONTENT[:50_000], None
    assert fetch(server.url, tmp_path).read_bytes() == CONTENT[:50_000]
    for k, (ranges, mark) in enumerate([(False, server.etag()), (True, None)]):
        server.ranges, server.headers, server.cut = ranges, {"ETag": mark}, 20_000
        with pytest.raises(FetchError, match="cut"):
            fetch(server.url, tmp_path / str(k))
        server.cut = None
        assert fetch(server.url, tmp_path / str(k)).read_bytes() == CONTENT[:50_000]
        assert server.asked[-1] == (None if mark is None else "bytes=20000-")


def test_a_part_of_another_address_is_not_continued(server, tmp_path):
    server.cut = 100
    with pytest.raises(FetchError, match="cut"):
        fetch(server.url, tmp_path)
    note = tmp_path / "file.bin.part.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"url": "http://elsewhere/file.bin"}))
    server.cut = None
    assert fetch(server.url, tmp_path).read_bytes() == CONTENT and server.asked == [None, None]


def test_a_wrong_sum_is_refused_with_both_sums_and_nothing_is_left(server, tmp_path):
    with pytest.raises(FetchError) as error:
        fetch(server.url, tmp_path, sha256="0" * 64)
    for part in (server.url, "file.bin", "0" * 64, SHA256, "replaced"):
        assert part in str(error.value)
    assert names(tmp_path) == []


def test_a_sum_nobody_published_is_recorded_at_first_use_and_enforced_after(server, tmp_path):
    path = fetch(server.url, tmp_path)
    recorded = json.loads((tmp_path / CHECKSUMS).read_text())
    assert recorded == {"file.bin": {"sha256": SHA256, "size": len(CONTENT), "url": server.url}}
    path.unlink()
    server.content = CONTENT[::-1]
    with pytest.raises(FetchError, match=rf"expected sha256 {SHA256} \(the sum recorded.*checksums\.json\), found"):
        fetch(server.url, tmp_path)
    assert names(tmp_path) == [CHECKSUMS]
    server.content = CONTENT
    assert fetch(server.url, tmp_path).read_bytes() == CONTENT
    path.write_bytes(b"damaged here")  # fetched again, since its sum is known
    assert fetch(server.url, tmp_path).read_bytes() == CONTENT


def test_a_file_that_was_put_there_by_hand_is_recorded_too(server, tmp_path):
    (tmp_path / "file.bin").write_bytes(b"mine")
    fetch(server.url, tmp_path)
    assert json.loads((tmp_path / CHECKSUMS).read_text())["file.bin"]["size"] == 4 and server.asked == []


@pytest.mark.parametrize("text", ["{", "[]", '{"file.bin": {}}', '{"file.bin": {"sha256": "x"}}'])
def test_a_damaged_record_is_named_and_not_overwritten(server, tmp_path, text):
    (tmp_path / CHECKSUMS).write_text(text)
    with pytest.raises(ValueError, match=r"checksums\.json: expected a JSON object"):
        fetch(server.url, tmp_path)
    assert (tmp_path / CHECKSUMS).read_text() == text


@pytest.mark.parametrize(
    "status, says", [(404, "no longer there"), (403, "login"), (401, "login"), (503, "try again later")]
)
def test_a_refusal_is_named(server, tmp_path, status, says):
    with pytest.raises(FetchError, match=rf"127\.0\.0\.1.*HTTP {status}") as error:
        fetch(server.url.replace("file.bin", str(status)), tmp_path)
    assert says in str(error.value) and names(tmp_path) == []


def test_no_network_is_named(tmp_path):
    with Server() as server:
        url = server.url  # closed again below: nobody listens
    with pytest.raises(FetchError, match=r"file\.bin: no answer .*refused.*network"):
        fetch(url, tmp_path)
    with pytest.raises(FetchError, match="no answer"):
        fetch("http://no-such-host.invalid/file.bin", tmp_path)
    assert names(tmp_path) == []


def test_a_web_page_or_another_size_is_refused_before_it_is_downloaded(server, tmp_path):
    server.headers = {"Content-Type": "text/html; charset=utf-8"}
    with pytest.raises(FetchError, match="expected file.bin, found a web page"):
        fetch(server.url, tmp_path)
    server.headers = {}
    with pytest.raises(FetchError, match="expected file.bin with 100 bytes, found 200,000"):
        fetch(server.url, tmp_path, size=100)
    assert names(tmp_path) == []


def test_convention_content_encoding_is_not_undone(server, tmp_path):
    # Apache sends .tar.gz with Content-Encoding: x-gzip; what is undone has another length and another sum.
    server.content = gzip.compress(CONTENT)
    server.headers = {"Content-Encoding": "gzip"}
    assert fetch(server.url, tmp_path).read_bytes() == server.content


def test_a_full_disk_is_named_before_and_while_it_fills(server, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**6, 10**6, 1000))
        with pytest.raises(FetchError, match=r"needs 200,000 bytes more, and 1,000 are free"):
            fetch(server.url, tmp_path)

    class Full(tqdm):
        def update(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("data_scripts._fetch.tqdm", Full)
        with pytest.raises(FetchError, match=r"file\.bin\.part: the disk is full"):
            fetch(server.url, tmp_path)
    assert "file.bin" not in names(tmp_path)
    assert fetch(server.url, tmp_path).read_bytes() == CONTENT
