"""A file of the archive, read once and at rest, and whether its name tells what it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cxrkit.errors import ItemFault
from cxrkit.imaging import radiograph
from cxrkit.records import Record

_SUFFIXES = {"jpeg": ".jpg", "png": ".png", "tiff": ".tif", "dicom": ".dcm"}


def require_whole(record: Record) -> None:
    """Check that the archive's table said something of the image.

    Raises:
        ItemFault: E103, its row is corrupt.
    """
    if record.fault:
        raise ItemFault(
            "E103", record.image, record.fault, "a whole row", "use the table as it was published"
        )


def read(root: Path, relpath: str) -> bytes:
    """The file's content, read once; what is hashed is what is decoded.

    Raises:
        ItemFault: E201 to E203 and E211 as `radiograph.file_bytes`; E207, it changed meanwhile.
    """
    try:
        relpath.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ItemFault(
            "E201", "", "a name that is not UTF-8", "a name in UTF-8", "rename the file"
        ) from error
    with at_rest(root / relpath):
        return radiograph.file_bytes(root / relpath)


@contextmanager
def at_rest(path: Path) -> Iterator[None]:
    """Check that a file is the same after what happens inside as before.

    Raises:
        ItemFault: E207, it is not.
    """
    before = _stamp(path)
    yield
    if _stamp(path) != before:
        raise ItemFault(
            "E207", "", "the file changed while it was read", "a file at rest", "build it again"
        )


def require_name(relpath: str, kind: str) -> None:
    """Check that the name does not promise another kind of image than the content is.

    Raises:
        ItemFault: E217, it does.
    """
    if radiograph.wrong_extension(relpath, kind):
        raise ItemFault(
            "E217",
            relpath,
            f"the content is {kind}",
            f"a name that ends in {_SUFFIXES[kind]}",
            f"rename it to end in {_SUFFIXES[kind]}",
        )


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
