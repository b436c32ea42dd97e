"""`cxr records`: an archive's list of images, with everything that it says of them."""

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from cxrkit import archives
from cxrkit.errors import InputRefused
from cxrkit.pipeline import durable
from cxrkit.pipeline.run import require_file
from cxrkit.records import from_frame

SUFFIXES = (".parquet", ".csv", ".jsonl")


def records(
    archive: Annotated[str, typer.Argument(help=", ".join(archives.names()) + ".")],
    root: Annotated[Path, typer.Argument(help="The folder that holds it; never written to.")],
    out: Annotated[
        Path | None,
        typer.Argument(
            help="FILE.parquet, .csv or .jsonl; a file there is replaced.",
            show_default="JSON lines on stdout",
        ),
    ] = None,
    annotations: Annotated[
        bool,
        typer.Option("--annotations", help="What readers marked (boxes, regions), one row each."),
    ] = False,
) -> None:
    """Write one row per image of an archive: ids, patient, view, split, labels, and the rest.

    Labels are 1 present, 0 absent, -1 uncertain, blank not mentioned. No pixel is read. A corrupt
    row of the archive's tables keeps its place and says in `fault` what is wrong; exit status 3.

    Example: cxr records shenzhen SZ-CXR records.csv
    """
    if out is not None and out.suffix not in SUFFIXES:
        raise InputRefused(
            "E107", str(out), f"the suffix {out.suffix}", " or ".join(SUFFIXES), "name it so"
        )
    adapter = archives.load(archive)
    if out is not None:
        require_file(out, "OUT", root)
    table = _annotations(adapter, archive, root) if annotations else archives.table(adapter, root)
    faulty = 0 if annotations else int((table["fault"] != "").sum())
    lines = table.iter_rows(named=True) if annotations else map(asdict, from_frame(table))
    if out is None:
        for line in lines:
            print(json.dumps(line, ensure_ascii=False))
    else:
        text = (f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
        durable.replace(out, _content(table, text, out.suffix))
        print(f"{table.height} {'annotations' if annotations else 'images'} in {out}")
    if faulty:
        print(f"{faulty} corrupt rows, named in the column fault", file=sys.stderr)
        raise typer.Exit(3)


def _annotations(adapter: archives.Archive, name: str, root: Path) -> pl.DataFrame:
    marked = archives.annotations(adapter, root)
    if marked is None:
        raise InputRefused(
            "E107", "--annotations", f"{name} has none", "an archive that readers marked",
            "leave the option out",
        )  # fmt: skip
    return marked


def _content(table: pl.DataFrame, lines: Iterator[str], suffix: str) -> bytes:
    """The bytes of the file, made here: polars would hide why a disk does not take them."""
    if suffix == ".parquet":
        file = io.BytesIO()
        table.write_parquet(file, compression="zstd")
        return file.getvalue()
    text = table.write_csv() if suffix == ".csv" else "".join(lines)
    return text.encode("utf-8")
