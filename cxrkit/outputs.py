"""Where results go: whether a place takes them, and what it is called when it does not.

What the operating system says decides. A place that cannot be written, is a file, or has no folder
above it is a refused output; a full disk and an I/O error are a resource that ran out.
"""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cxrkit.errors import CxrkitError, InputRefused, ResourceExhausted

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_PLACE = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR,
    errno.EEXIST, errno.ENOTEMPTY, errno.EBUSY, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL,
)  # fmt: skip
_SCRATCH = ".part"  # in a folder that is being filled


def failure(path: Path, error: OSError) -> CxrkitError:
    """What a write to `path` that ended in `error` is called: E107, E601 or E602."""
    said = os.strerror(error.errno or errno.EIO)
    if error.errno in _NO_PLACE:
        return InputRefused(
            "E107", str(path), said, "a place that can be written",
            "choose another, or give write permission there",
        )  # fmt: skip
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return ResourceExhausted(
            "E602", str(path), said, "a higher limit of open files",
            "raise it with ulimit -n and run the same command again",
        )  # fmt: skip
    first = "make room" if error.errno in FULL else "check the disk"
    return ResourceExhausted(
        "E601", str(path), said, "a disk that takes the write",
        f"{first} and run the same command again",
    )  # fmt: skip


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """An OSError inside becomes the message that `path` did not take a write.

    Raises:
        InputRefused: E107, the place cannot be written.
        ResourceExhausted: E601, the disk is full or broken; E602, too many files are open.
    """
    try:
        yield
    except OSError as error:
        raise failure(path, error) from error


def require_folder(out: Path) -> None:
    """Check, before the work, that the folder `out` can be made and written; nothing is left there.

    Raises:
        InputRefused, ResourceExhausted: as `writing`.
    """
    path = out.absolute()
    with writing(out):
        probe(next(place for place in (path, *path.parents) if place.exists()))


def probe(folder: Path) -> None:
    """Make a file in the folder that vanishes at once.

    Raises:
        OSError: the folder takes none.
    """
    with tempfile.TemporaryFile(dir=folder):
        pass


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing, or nothing but what a killed run left of `filled`."""
    return all(entry.name == _SCRATCH for entry in folder.iterdir())


@contextlib.contextmanager
def filled(folder: Path, last: str = "") -> Iterator[Path]:
    """A hidden folder in `folder` to write to; what it then holds takes its place in `folder`.

    What has the same name there is replaced, all else stays. Where the work inside fails, `folder`
    is as it was before.

    Args:
        folder: made where it is absent, with those above it.
        last: the name that takes its place after all others, so that it vouches for them.

    Raises:
        InputRefused, ResourceExhausted: as `writing`.
    """
    scratch, made = folder / _SCRATCH, not folder.exists()
    try:
        with writing(folder):
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
            yield scratch
            for entry in sorted(scratch.iterdir(), key=lambda entry: (entry.name == last, entry)):
                target = folder / entry.name
                if target.is_dir():
                    shutil.rmtree(target)
                entry.replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if made:
            with contextlib.suppress(OSError):  # it is not empty: all went well
                folder.rmdir()
