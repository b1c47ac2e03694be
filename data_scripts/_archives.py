"""Unpack a zip or tar archive from the network: all of it, or nothing, and never outside its folder."""

import errno
import os
import re
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from tqdm import tqdm

__all__ = ["unpack"]

_CHUNK = 1 << 20
_DAMAGE = (None, errno.EINVAL, errno.ENAMETOOLONG)  # what the archive is to blame for; the rest is the disk's
# Images are compressed already: what grows a hundredfold is no data set. Small archives may hold compressible text.
_SMALLEST_LIMIT, _LARGEST_GROWTH = 1 << 30, 100


def unpack(archive, folder, makes, *, limit=None):
    """Unpack `archive` so that `folder / makes` comes into being, and return that path; keep what is there already.

    Everything goes into a temporary folder first and takes its place by renaming. If the archive holds the path `makes`,
    at its top or in its one top folder, the tree around it is merged into `folder`. If not, its one top folder, or all
    that it holds, becomes `folder / makes`: some archives have a top folder and some have none.

    Only files and folders are unpacked: no links, no devices. Owners, permissions and times are not taken over.

    Args:
        archive: path of a zip or tar file (gz, bz2, xz).
        folder: where to.
        makes: relative path.
        limit: most bytes that may come out; by default a hundred times the archive, and at least 1 GiB.

    Raises:
        ValueError: naming the archive and the member: a path that leads out, a link or device, a name twice, more bytes
            than the limit, a damaged archive. Nothing is left of it then.
        OSError: naming the archive: a full disk, a folder that cannot be written. Nothing is left of it then either.
    """
    archive, folder = Path(archive), Path(folder)
    if (folder / makes).exists():
        return folder / makes
    limit = limit or max(_SMALLEST_LIMIT, _LARGEST_GROWTH * archive.stat().st_size)
    temporary = folder / f".unpacking-{archive.name}"
    shutil.rmtree(temporary, ignore_errors=True)  # of a run that was killed
    try:
        temporary.mkdir(parents=True)
        (_unzip if zipfile.is_zipfile(archive) else _untar)(archive, temporary, limit)
        if not any(temporary.iterdir()):
            raise ValueError(f"{archive}: expected files, found none")
        _take_places(temporary, folder, PurePosixPath(makes))
    except Exception as error:  # the decoders raise a dozen kinds
        if str(error).startswith(str(archive)):
            raise
        if isinstance(error, OSError) and error.errno not in _DAMAGE:
            raise OSError(error.errno, f"{archive}: not unpacked into {folder}: {error.strerror}") from error
        raise ValueError(
            f"{archive}: expected a whole zip or tar archive, found {type(error).__name__}: {error}. Delete it and "
            "fetch it again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder / makes


def _unzip(archive, temporary, limit):
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        _within(archive, sum(member.file_size for member in members), limit)
        for member in tqdm(members, desc=archive.name, unit=" files", disable=None):
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ValueError(
                    f"{archive}: expected only files and folders, found {_kind(kind)}: {member.filename!r}"
                )
            if member.flag_bits & 1:
                raise ValueError(f"{archive}: expected no password, found an encrypted member: {member.filename!r}")
            target = _place(archive, temporary, member.filename)
            if member.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                with file.open(member) as content:
                    _write(archive, member.filename, content, target)


def _untar(archive, temporary, limit):
    total = 0
    with tarfile.open(archive) as file:
        for member in tqdm(file, desc=archive.name, unit=" files", disable=None):
            if not (member.isreg() or member.isdir()):
                kind = "a link" if member.issym() or member.islnk() else "a device or the like"
                raise ValueError(f"{archive}: expected only files and folders, found {kind}: {member.name!r}")
            total += member.size
            _within(archive, total, limit)
            target = _place(archive, temporary, member.name)
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                with file.extractfile(member) as content:
                    _write(archive, member.name, content, target)


def _within(archive, total, limit):
    if total > limit:
        raise ValueError(f"{archive}: expected at most {limit:,} bytes unpacked, found {total:,} or more (a bomb?)")


def _place(archive, temporary, name):
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name) or "\0" in name:
        raise ValueError(f"{archive}: expected paths inside its folder, found {name!r}")
    return temporary / path


def _write(archive, name, content, target):
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "xb") as out:
            shutil.copyfileobj(content, out, _CHUNK)
    except (FileExistsError, NotADirectoryError):
        raise ValueError(f"{archive}: expected every name once, found {name!r} a second time") from None


def _kind(mode):
    return "a link" if mode == stat.S_IFLNK else "a device or the like"


def _take_places(temporary, folder, makes):
    inside = list(temporary.iterdir())
    top = inside[0] if len(inside) == 1 and inside[0].is_dir() else temporary
    for source in (temporary, top):
        if (source / makes).exists():
            _merge(source, folder, makes.parts)
            return
    (folder / makes).parent.mkdir(parents=True, exist_ok=True)
    os.replace(top, folder / makes)


def _merge(source, target, last):
    """Rename what `target` does not have yet into it, whole folders at a time; the path `last` (parts) comes last.

    So what says that an archive has been unpacked is there only when all of it is.
    """
    for entry in sorted(
        source.iterdir(), key=lambda entry: (entry.name == last[0], entry.name) if last else entry.name
    ):
        if not (target / entry.name).exists():
            os.replace(entry, target / entry.name)
        elif entry.is_dir() and (target / entry.name).is_dir():
            _merge(entry, target / entry.name, last[1:] if last and entry.name == last[0] else ())
