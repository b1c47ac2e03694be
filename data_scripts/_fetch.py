"""Fetch one file: resumed where a cut connection left it, with progress, and checked before it takes its name."""

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import shutil
from pathlib import Path

import pooch
import requests
import urllib3
from tqdm import tqdm

__all__ = ["CHECKSUMS", "FetchError", "fetch"]

CHECKSUMS = "checksums.json"  # in the data set's folder: the sums of files whose publishers give none
_CHUNK = 1 << 20
_TIMEOUTS = (30, 60)  # seconds, to connect and between two pieces


class FetchError(Exception):
    """A file could not be fetched. The message names the address, the file, what happened, and what to do."""


class _Resuming:
    """A downloader for pooch that continues `<name>.part`, and knows the sha256 of what came.

    A part is continued only if the server says by ETag or Last-Modified (kept in `<name>.part.json`), and by size, that
    it still has the same file. Otherwise the download starts anew.
    """

    def __init__(self, folder, name, size):
        self.part, self.note, self.size = folder / f"{name}.part", folder / f"{name}.part.json", size
        self.sha256 = None

    def __call__(self, url, output, _pooch):
        try:
            response, start, remote = self._open(url, self._left(url))
            with response:
                self._refuse_what_cannot_be_it(url, response, start, remote["size"])
                self._stream(url, response, start, remote)
        except requests.RequestException as error:
            raise FetchError(
                f"{url}: no answer ({_reason(error)}). Is there a network, and is the address still right? "
                f"Run the same command again: what has come so far is kept."
            ) from None
        os.replace(self.part, output)
        self.note.unlink(missing_ok=True)

    def _left(self, url):
        """What an interrupted download of `url` left, with `have`, its number of bytes; nothing if it is of no use."""
        try:
            left = json.loads(self.note.read_text(encoding="utf-8"))
            have = self.part.stat().st_size
            usable = left["url"] == url and (left["etag"] or left["modified"]) and have > 0
            return left | {"have": have} if usable else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _open(self, url, left):
        """The open response, the byte at which it begins, and what the server says of the file."""
        headers = {"Accept-Encoding": "identity"}  # bytes as they lie there: else their sum and length mean nothing
        if left:
            headers["Range"] = f"bytes={left['have']}-"
            if left["etag"] and not left["etag"].startswith("W/"):
                headers["If-Range"] = left["etag"]
        response = requests.get(url, headers=headers, stream=True, timeout=_TIMEOUTS)
        remote = _identity(response)
        if left and response.status_code in (206, 416):
            if response.status_code == 206 and _same(left, remote) and remote["start"] == left["have"]:
                return response, left["have"], remote
            response.close()
            return self._open(url, {})
        return response, 0, remote

    def _refuse_what_cannot_be_it(self, url, response, start, size):
        status, name = response.status_code, self.part.name.removesuffix(".part")
        if status in (404, 410):
            raise FetchError(f"{url}: {name} is no longer there (HTTP {status})")
        if status in (401, 403):
            raise FetchError(f"{url}: {name} was refused (HTTP {status}): it needs a login, or a form signed first")
        if status not in (200, 206):
            raise FetchError(f"{url}: {name} did not come (HTTP {status} {response.reason}): try again later")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise FetchError(f"{url}: expected {name}, found a web page (a login, a notice, or a limit on downloads)")
        if None not in (size, self.size) and size != self.size:
            raise FetchError(
                f"{url}: expected {name} with {self.size:,} bytes, found {size:,}: the publisher has replaced it, or "
                "something in between answers in its place"
            )
        free = shutil.disk_usage(self.part.parent).free
        if size is not None and size - start > free:
            raise FetchError(
                f"{self.part.parent}: {name} needs {size - start:,} bytes more, and {free:,} are free: make room, or "
                "choose another folder with --out"
            )

    def _stream(self, url, response, start, remote):
        name, size, digest = self.part.name.removesuffix(".part"), remote["size"], hashlib.sha256()
        if start:
            with open(self.part, "rb") as file:
                for chunk in iter(lambda: file.read(_CHUNK), b""):
                    digest.update(chunk)
        try:
            with open(self.part, "ab" if start else "wb") as file:
                _write_json(self.note, {"url": url} | remote)
                with tqdm(total=size, initial=start, unit="B", unit_scale=True, desc=name, disable=None) as bar:
                    for chunk in response.raw.stream(_CHUNK, decode_content=False):
                        file.write(chunk)
                        digest.update(chunk)
                        bar.update(len(chunk))
                have = file.tell()
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _cut(url, name, self.part.stat().st_size, size, _reason(error)) from None
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise FetchError(
                f"{self.part}: the disk is full. Make room and run the same command again: it continues from here"
            ) from None
        if size is not None and have != size:
            raise _cut(url, name, have, size, "the server stopped early")
        self.sha256 = digest.hexdigest()


def fetch(url, folder, *, name=None, sha256=None, size=None):
    """Fetch `url` into `folder`, unless it is there, and return its path; nothing unchecked is ever under its name.

    Args:
        url: http or https address.
        folder: made if need be.
        name: file name there; by default the last part of the address.
        sha256: known sum, in hexadecimal. If None, the sum of the first download is recorded in `checksums.json` in the
            folder, and enforced from then on.
        size: exact number of bytes, if known: a replaced file is then refused before it is downloaded.

    Raises:
        FetchError: no network, refused, gone, replaced, cut, disk full, or a wrong sum (then nothing is kept).
        ValueError: a damaged `checksums.json`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    name = name or url.rsplit("/", 1)[1]
    recorded = _recorded(folder)
    known = sha256 or recorded.get(name, {}).get("sha256")
    downloader = _Resuming(folder, name, size)
    with _quiet_pooch():
        try:
            known_hash = f"sha256:{known}" if known else None
            path = Path(pooch.retrieve(url, known_hash, fname=name, path=folder, downloader=downloader))
        except ValueError:
            if downloader.sha256 is None:
                raise
            whose, remedy = (
                ("the sum known for it", "the table of files in data_scripts")
                if sha256
                else (f"the sum recorded at first use in {folder / CHECKSUMS}", "that record")
            )
            raise FetchError(
                f"{url}: {name} was not kept: expected sha256 {known} ({whose}), found {downloader.sha256}. Try once "
                f"more; if it stays so, the publisher has replaced the file: if you trust the new one, correct {remedy}"
            ) from None
    if not known:
        sum_ = downloader.sha256 or pooch.file_hash(str(path), alg="sha256")
        recorded[name] = {"sha256": sum_, "size": path.stat().st_size, "url": url}
        _write_json(folder / CHECKSUMS, recorded)
    return path


def _identity(response):
    """What tells one version of a remote file from another, its size, and the byte at which the answer starts."""
    headers = response.headers
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", headers.get("Content-Range", ""))
    start, size = (int(number) for number in found.groups()) if found else (0, headers.get("Content-Length"))
    return {
        "etag": headers.get("ETag"),
        "modified": headers.get("Last-Modified"),
        "size": None if size is None else int(size),
        "start": start,
    }


def _same(left, remote):
    return all(left[key] == remote[key] for key in ("etag", "modified", "size") if left[key] and remote[key])


def _cut(url, name, have, size, reason):
    whole = "" if size is None else f" of {size:,}"
    return FetchError(
        f"{url}: the connection was cut after {have:,}{whole} bytes of {name} ({reason}). Run the same command again: "
        "it continues from there"
    )


def _reason(error):
    """The innermost cause in a few words: requests and urllib3 wrap it several times."""
    while getattr(error, "reason", None) or (error.args and isinstance(error.args[0], Exception)):
        error = getattr(error, "reason", None) or error.args[0]
        if not isinstance(error, Exception):
            break
    return re.sub(r"<[^>]*>:? ?", "", str(error)).strip()[:200] or type(error).__name__


def _recorded(folder):
    path = folder / CHECKSUMS
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
        assert all(re.fullmatch("[0-9a-f]{64}", entry["sha256"]) for entry in recorded.values())
    except FileNotFoundError:
        return {}
    except (ValueError, AssertionError, AttributeError, KeyError, TypeError):
        raise ValueError(f"{path}: expected a JSON object of file names with their sha256; mend or delete it") from None
    return recorded


def _write_json(path, value):
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(temporary, path)


@contextlib.contextmanager
def _quiet_pooch():
    """Without pooch's own advice, which is about its arguments and not about our commands."""
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
