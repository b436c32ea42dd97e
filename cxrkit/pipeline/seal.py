"""What makes a dataset whole: run.json, then SHA256SUMS.txt, written last of all."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cxrkit import dataset
from cxrkit.errors import IntegrityFailure
from cxrkit.pipeline import durable

SUMS = dataset.SUMS
RUN = "run.json"
_TABLES = (".csv", ".json", ".parquet")  # at the top of an output; images can lie there too


def write(
    out: Path,
    run: Mapping[str, Any],
    tables: Iterable[str],
    blocks: Iterable[Iterable[tuple[str, str]]],
) -> None:
    """Write run.json and the sums of every file; the dataset is whole once this returns.

    `tables` are names of files below `out`, `blocks` path and SHA-256 of all the others.

    Raises:
        ResourceExhausted: E601.
    """
    scratch = out / "runs" / "tmp"
    text = json.dumps(run, indent=2, ensure_ascii=False) + "\n"
    durable.write(scratch / RUN, text.encode("utf-8"))
    durable.publish(out, [(scratch / RUN, out / RUN)])
    with durable.stream(scratch / SUMS) as put:
        for name in sorted((*tables, RUN)):
            put(f"{_digest(out / name)}  {name}\n".encode())
        for block in blocks:
            put("".join(f"{sha256}  {path}\n" for path, sha256 in block).encode())
    durable.publish(out, [(scratch / SUMS, out / SUMS)])


def run_of(out: Path) -> dict[str, Any] | None:
    """run.json of a dataset of ours that is whole; None where there is none.

    Raises:
        IntegrityFailure: E501, run.json is gone or damaged although the dataset was whole.
    """
    if not (out / SUMS).is_file():
        return None
    try:
        run = json.loads((out / RUN).read_text(encoding="utf-8"))
        return run if run["tool"]["name"] == "cxrkit" else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(out, [RUN]) from error


def require_files(out: Path) -> None:
    """Check that every file that SHA256SUMS.txt names is there, and that the tables are as written.

    Of the others the contents are not read: that would take as long as copying them.

    Raises:
        IntegrityFailure: E501, with the first that are missing or damaged.
    """
    bad = [name for sha256, name in _lines(out) if not _is_whole(out, name, sha256)]
    if bad:
        raise _damaged(out, bad)


def _is_whole(out: Path, name: str, sha256: str) -> bool:
    path = out / name
    if "/" in name or path.suffix not in _TABLES:
        return path.is_file()
    try:
        return _digest(path) == sha256
    except OSError:
        return False


def _lines(out: Path) -> Iterator[tuple[str, str]]:
    """SHA-256 and path of each file."""
    with (out / SUMS).open(encoding="utf-8") as lines:
        for line in lines:
            sha256, _, name = line.rstrip("\n").partition("  ")
            yield sha256, name


def _damaged(out: Path, bad: list[str]) -> IntegrityFailure:
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    return IntegrityFailure(
        "E501",
        str(out),
        f"missing or damaged: {', '.join(bad[:3])}{more}",
        f"every file that {SUMS} names",
        f"remove {SUMS} and run the same command again: all is made anew",
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
