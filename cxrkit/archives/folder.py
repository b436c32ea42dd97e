"""Any folder of radiographs: PNG, JPEG, TIFF or DICOM files, in any tree.

For images that no adapter knows, such as a hospital's own. Everything is taken from the names:
an image is what is called .png, .jpg, .jpeg, .tif, .tiff, .dcm or .dicom in any case, a folder, a
broken link or an empty file too, so that it is reported and not lost; and what has no such suffix
and holds the four letters DICM after 128 bytes.

What it lacks: patients. The PatientID of a DICOM file is an identifying value and is not read, so
`patient_id` is empty: a split of such a folder is by image, and several radiographs of a patient
can fall on both sides of it. Views, labels, masks and reports are unknown too. Hidden files and
folders (a leading dot) and DICOMDIR indexes are left out. Links to folders are not followed.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from cxrkit.archives import Card
from cxrkit.errors import InputRefused
from cxrkit.records import Record

CARD = Card(
    title="Folder of radiographs",
    homepage="",
    # The strictest class: nobody has said what these images allow.
    licence="credentialed",
    terms="Unknown: those of whoever holds the images; the strictest class is assumed.",
    citation="",
    blank_view_is_frontal=True,
    patients="unknown: the PatientID of a DICOM file is an identifying value and is not read, so a "
    "split is by image",
    reads=(
        ("image", "any file named .png, .jpg, .jpeg, .tif, .tiff, .dcm or .dicom in any case"),
        ("image", "a file without such a suffix that has the letters DICM after 128 bytes"),
        ("image_id", "the name and eight digits that stand for the path"),
    ),
    traps=(
        "Views, labels, masks and reports are unknown; the view of a DICOM file is read with it.",
        "Radiographs of one patient can fall on both sides of a split.",
        "A folder, a broken link or an empty file with an image's name is a record too, so that "
        "it is reported. Other visible files and DICOMDIR are left out; `others` counts them.",
        "Links to folders are not followed; a folder that cannot be listed stops the run.",
        "Masks in the same tree are images to this adapter.",
    ),
)

LAYOUT = "any tree of .png, .jpg, .jpeg, .tif, .tiff, .dcm, .dicom or suffix-less DICOM files"

_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".dicom")
# The last part of a UID is no suffix: 1.2.840.10008.5 is a common name of a DICOM file.
_SUFFIXLESS = re.compile(r"[^.]+|[0-9.]+|.*\.[0-9]+")


def records(root: Path) -> Iterator[Record]:
    """One record per image below `root`, sorted by path.

    `image_id` is the stem and eight hexadecimal digits of the SHA-256 of the relative path, since
    one name can be in many folders.

    Raises:
        InputRefused: E101, `root` is not a folder; E201, a folder below it cannot be listed.
    """
    if not root.is_dir():
        raise InputRefused("E101", str(root), "no folder", LAYOUT, "give an existing folder")
    return (_record(path) for path, is_image in _walk(root, "") if is_image)


def others(root: Path) -> int:
    """How many visible files below `root` are left out because they are no images.

    Raises:
        InputRefused: E201, a folder below `root` cannot be listed.
    """
    return sum(not is_image for _, is_image in _walk(root, ""))


def _walk(root: Path, folder: str) -> Iterator[tuple[str, bool]]:
    """Relative path of each visible file and whether it is an image, in the order of the paths."""
    try:
        with os.scandir(root / folder) as listing:
            entries = [entry for entry in listing if not entry.name.startswith(".")]
    except OSError as error:
        raise InputRefused(
            "E201",
            folder or str(root),
            f"the folder cannot be listed: {type(error).__name__}",
            "a readable folder",
            "check its permissions",
        ) from error
    steps = [(entry.name, entry) for entry in entries]
    # "a.png" comes before "a/b.png": a folder takes its place with the slash that follows it.
    steps += [(f"{e.name}/", e) for e in entries if e.is_dir(follow_symlinks=False)]
    for name, entry in sorted(steps, key=lambda step: step[0]):
        if name.endswith("/"):
            yield from _walk(root, folder + name)
        elif name.lower().endswith(_SUFFIXES):
            yield folder + name, True
        elif not entry.is_dir():
            yield folder + name, _is_dicom(entry)


def _is_dicom(entry: os.DirEntry[str]) -> bool:
    """A file without a suffix that has the DICOM prefix (PS3.10 7.1), or that cannot be opened."""
    if not entry.is_file() or entry.name == "DICOMDIR" or not _SUFFIXLESS.fullmatch(entry.name):
        return False
    try:
        with Path(entry.path).open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return True  # it may be one: the reader says why it cannot be read


def _record(image: str) -> Record:
    digits = hashlib.sha256(os.fsencode(image)).hexdigest()[:8]
    stem = image.rsplit("/", 1)[-1]
    if stem.lower().endswith(_SUFFIXES):
        stem = stem.rsplit(".", 1)[0]
    return Record(archive="folder", image_id=f"{stem}-{digits}", image=image)
