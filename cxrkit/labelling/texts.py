"""Reports to label, wherever they are: a CSV, a folder of texts or Open-i XML, an archive.

A report that cannot be read is given with its fault, so that it is counted and the rest goes on.
"""

import csv
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from xml.etree import ElementTree

from cxrkit import archives, sources
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.pipeline.run import require_file

LONGEST = 1_000_000  # characters; the longest report of MIMIC-CXR has less than 10,000
_LARGEST = 8 * LONGEST  # bytes of a file


@dataclass(frozen=True)
class Text:
    """One report: its id and its text, or why it has none."""

    id: str
    text: str = ""
    fault: ItemFault | None = None


def read(source: str, id_column: str, report_column: str, encoding: str) -> Iterator[Text]:
    """The reports of a CSV file, a folder, or `ARCHIVE:ROOT`, in their order there.

    Of several reports with one id the first is given, the others with a fault.

    Raises:
        InputRefused: E101, there is no such source; E103, a column of the CSV is missing or there
            twice, or, while it is read, its quotes do not tell where a field ends; E107, an
            unknown encoding or an archive without reports; E201, the CSV cannot be read.
    """
    path = Path(source)
    if path.is_file():
        return _each_once(_of_csv(path, id_column, report_column, _known(encoding)))
    if path.is_dir():
        return _each_once(_of_folder(path, _known(encoding)))
    name, found, root = source.partition(":")
    if found and name in archives.names():
        return _of_archive(name, Path(root))
    raise InputRefused(
        "E101", source, "no such file, folder or archive",
        "a CSV file, a folder of .txt or .xml files, or ARCHIVE:ROOT", "check the path",
    )  # fmt: skip


def require_outputs(source: str, *files: tuple[Path, str]) -> None:
    """Check that files can be written, by path and option, and that none replaces the reports.

    Raises:
        InputRefused: E107, as `require_file`, or a file is there twice.
        ResourceExhausted: as `require_file`.
    """
    taken = set[Path]()
    for file, option in files:
        require_file(file, option, sources.place(source))
        if file.resolve() in taken:
            raise InputRefused(
                "E107", str(file), "another output is written to it", "a file of its own",
                f"give {option} another place",
            )  # fmt: skip
        taken.add(file.resolve())


def _known(encoding: str) -> str:
    try:
        "".encode(encoding)
    except LookupError as error:
        raise InputRefused(
            "E107", "--encoding", "no such encoding", "a name such as utf-8 or latin-1", "see above"
        ) from error
    return "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding


def _of_csv(path: Path, id_column: str, report_column: str, encoding: str) -> Iterator[Text]:
    # Opened here, so that a wrong file is refused before anything is written.
    try:
        with path.open(newline="", encoding=encoding, errors="surrogateescape") as file:
            header = next(_parsed(file, path.name), [])
    except OSError as error:
        raise InputRefused(
            "E201", path.name, os.strerror(error.errno or 0), "a readable CSV",
            "check its permissions",
        ) from error  # fmt: skip
    names = [name.strip() for name in header]
    for column in (id_column, report_column):
        if (number := names.count(column)) != 1:
            raise InputRefused(
                "E103", path.name, f"{number or 'no'} column{'s' * (number > 1)} {column}",
                f"{id_column} and {report_column}, each once",
                "name the columns with --id-column and --report-column",
            )  # fmt: skip
    return _rows(path, names, names.index(id_column), names.index(report_column), encoding)


def _rows(
    path: Path, names: Sequence[str], id_place: int, report_place: int, encoding: str
) -> Iterator[Text]:
    # Some tables leave out last cells that have no name.
    named = (place for place, name in enumerate(names) if name)
    least = 1 + max(id_place, report_place, *named)
    with path.open(newline="", encoding=encoding, errors="surrogateescape") as file:
        lines = _parsed(file, path.name)
        next(lines, None)
        for number, row in enumerate(lines, 1):
            if not row:
                continue
            if not least <= len(row) <= len(names):  # a comma in a report that has no quotes
                yield Text(f"row {number}", fault=_fault(
                    "E103", f"row {number}", f"{len(row)} fields in the row",
                    f"{len(names)}, as many as the header has",
                    "put a report with commas in quotes, or use the table as it was exported",
                ))  # fmt: skip
                continue
            yield _checked(row[id_place] or f"row {number}", row[report_place])


def _parsed(file: TextIO, name: str) -> Iterator[list[str]]:
    """The rows of a CSV, the header too.

    Where a quote is wrong, nothing behind it can be told apart: a guess would make the lines of one
    report rows of their own, or rows the end of a report.
    """
    limit = csv.field_size_limit(sys.maxsize)
    lines, first = csv.reader(file, strict=True), 1
    try:
        for row in lines:
            yield row
            first = lines.line_num + 1
    except csv.Error as error:
        raise InputRefused(
            "E103", name, f"in the row that begins in line {first}, quotes that do not match",
            "a quote at both ends of a field, and those within it doubled",
            "correct the row, or export the table again",
        ) from error  # fmt: skip
    finally:
        csv.field_size_limit(limit)


def _each_once(found: Iterator[Text]) -> Iterator[Text]:
    seen = set[str]()
    for text in found:
        if text.fault is not None:
            yield text
        elif text.id in seen:
            yield Text(text.id, fault=_fault(
                "E103", text.id, "the id is that of an earlier report", "one report per id",
                "merge them, or give each an id of its own",
            ))  # fmt: skip
        else:
            seen.add(text.id)
            yield text


def _checked(identity: str, text: str) -> Text:
    if len(text) > LONGEST:
        return Text(identity, fault=_fault(
            "E251", identity, f"{len(text)} characters", f"at most {LONGEST}",
            "cut the text into its reports",
        ))  # fmt: skip
    for part in (identity, text):
        if not part.isascii() and any("\ud800" <= c <= "\udfff" for c in part):
            return Text(identity.encode("ascii", "replace").decode(), fault=_fault(
                "E250", identity, "characters that are not of the stated encoding", "UTF-8 text",
                "name the encoding with --encoding, or convert the file",
            ))  # fmt: skip
    return Text(identity, text)


def _of_folder(path: Path, encoding: str) -> Iterator[Text]:
    files = sorted(
        p for p in path.rglob("*")
        if p.suffix.lower() in (".txt", ".xml") and not p.name.startswith(".")
    )  # fmt: skip
    if not files:
        raise InputRefused(
            "E101", str(path), "no report in it", "a tree of .txt or .xml files", "check the path"
        )
    return (_of_file(file, encoding) for file in files)


def _of_file(file: Path, encoding: str) -> Text:
    identity = file.stem
    try:
        size = file.stat().st_size
        if size > _LARGEST:
            return Text(identity, fault=_fault(
                "E251", file.name, f"{size} bytes", f"at most {_LARGEST}",
                "cut the file into its reports",
            ))  # fmt: skip
        data = file.read_bytes()
    except OSError as error:
        return Text(identity, fault=_fault(
            "E201", file.name, type(error).__name__, "a readable file", "check its permissions"
        ))  # fmt: skip
    if file.suffix.lower() == ".xml":
        return _of_xml(data, identity, file.name)
    try:
        return _checked(identity, data.decode(encoding))
    except UnicodeDecodeError:
        return _checked(identity, data.decode(encoding, errors="surrogateescape"))


def _of_xml(data: bytes, identity: str, name: str) -> Text:
    """The sections of an Open-i report under their headers; its id is that of its element uId."""
    # An entity can unfold to gigabytes: a report has no use for a document type.
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        return Text(identity, fault=_fault(
            "E252", name, "a document type declaration", "XML without one", "export it again"
        ))  # fmt: skip
    try:
        tree = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError):
        return Text(identity, fault=_fault(
            "E252", name, "no well-formed XML", "an Open-i report", "download the file again"
        ))  # fmt: skip
    uid = tree.find("uId")
    parts = (
        (str(e.get("Label", "")).upper(), (e.text or "").strip()) for e in tree.iter("AbstractText")
    )
    # In the layout of MIMIC-CXR, which every way of reading sections knows.
    text = "".join(f"\n {name}: {part}\n" for name, part in parts if name and part)
    identity = identity if uid is None else str(uid.get("id") or identity)
    return _checked(identity, text)


def _of_archive(name: str, root: Path) -> Iterator[Text]:
    archive = archives.load(name)
    if not hasattr(archive, "report"):
        raise InputRefused(
            "E107", name, "an archive without reports", "one that has them", "see cxr archives"
        )
    records = archive.records(root)

    def texts() -> Iterator[Text]:
        seen: set[str] = set()
        for record in records:
            identity = record.study_id or record.image_id
            if record.fault or identity in seen:
                continue
            seen.add(identity)
            try:
                found = archive.report(root, record)
            except ItemFault as fault:
                yield Text(identity, fault=fault)
                continue
            if found is not None:
                yield _checked(identity, found)

    return texts()


def _fault(code: str, name: str, observed: str, expected: str, remedy: str) -> ItemFault:
    return ItemFault(code, name, observed, expected, remedy)
