"""`cxr split`: which images train, validate and test, with no patient and no copy on two sides."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cxrkit import sources as sets
from cxrkit.errors import InputRefused
from cxrkit.pipeline import durable
from cxrkit.pipeline.run import require_file
from cxrkit.quality import balance as evenness
from cxrkit.quality import groups, splits
from cxrkit.quality.balance import Balance


def split(
    sources: Annotated[
        list[str], typer.Argument(help="ARCHIVE:ROOT, a dataset of cxr build or a folder.")
    ],
    out: Annotated[Path, typer.Argument(help="The CSV to write; a file there is replaced.")],
    ratios: Annotated[
        str | None,
        typer.Option(
            help="train:validate:test, or train:test; with --official only validate of train.",
            show_default=splits.RATIOS,
        ),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="So many equal folds instead, numbered from 0.")
    ] = None,
    official: Annotated[
        bool,
        typer.Option(
            "--official", help="The archive's own split; validation from train if it has none."
        ),
    ] = False,
    stratify: Annotated[
        bool, typer.Option(help="Keep the shares of labels, views and archives.")
    ] = True,
    duplicates: Annotated[
        Path | None, typer.Option(help="The CSV of cxr duplicates: copies stay together.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the order of groups that are alike.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON on stdout.")] = False,
) -> None:
    """Split images so that patients, studies, duplicates and shared origins stay on one side.

    OUT has a row per image: archive, image_id, patient_id, group, and split or fold. The same
    images and options give the same bytes, in whatever order the sources stand.

    Example: cxr split shenzhen:SZ-CXR split.csv --ratios 2:1:1
    """
    if folds is not None and (ratios is not None or official):
        raise InputRefused(
            "E107", "--folds", "given with --ratios or --official", "one way to split",
            "leave the others away",
        )  # fmt: skip
    read = sets.read_all(sources)
    files = [] if duplicates is None else [duplicates]
    require_file(out, "OUT", *(source.root for source in read), *files)
    found = groups.images(read)
    groups.require_once(found)
    listed, strange = (None, 0) if duplicates is None else groups.read_duplicates(duplicates, found)
    notes = [
        f"lineage: {a} and {b} share images under other ids, and the list of duplicates joins none "
        "of them: was it made over both?" for a, b in groups.unjoined(found, listed)
    ]  # fmt: skip
    group = groups.of(found, groups.links(found, listed))
    shares = splits.ratios(ratios or splits.RATIOS) if folds is None else splits.folds(folds)
    if official:
        validate = shares.get("validate", 0.0) / (1 - shares["test"])
        dealt = splits.official(found, group, validate, seed, stratify)
    else:
        dealt = splits.by_shares(found, group, shares, seed, stratify)
    balance = evenness.of(found, group, dealt)
    left = sum(source.table.height for source in read) - found.height
    notes += [f"corrupt: {left} corrupt rows are left out, see cxr records"] * bool(left)
    notes += [f"duplicates: {strange} rows of the list name none of the images"] * bool(strange)
    notes += evenness.warnings(found, group, balance, {} if official else shares)
    table = splits.table(found, group, dealt, "split" if folds is None else "fold")
    durable.replace(out, table.write_csv().encode("utf-8"))
    print(_json(out, balance, notes) if as_json else _text(out, balance))
    if not as_json:
        for note in notes:
            print(f"warning: {note}", file=sys.stderr)


def _json(out: Path, balance: Balance, notes: list[str]) -> str:
    return json.dumps(asdict(balance) | {"warnings": notes, "out": str(out)})


def _text(out: Path, balance: Balance) -> str:
    """A table of counts and shares, a column for each split and one for all."""
    names = [*balance.images]
    images = sum(balance.images.values())
    of_images = {name: balance.images[name] / images for name in names} | {"all": 1.0}
    rows: dict[str, list[str]] = {
        "images": _numbers(balance.images),
        "patients": _numbers(balance.patients),
        "groups": _numbers(balance.groups),
        "of images": _percent(of_images, names),
        **{stratum: _percent(by, names) for stratum, by in balance.shares.items()},
    }
    wide = max(len(name) for name in rows)
    lines = [f"{'':{wide}}  " + "  ".join(f"{name:>10}" for name in (*names, "all"))]
    lines += [
        f"{name:{wide}}  " + "  ".join(f"{value:>10}" for value in values)
        for name, values in rows.items()
    ]
    if balance.absolute_of:
        lines += [
            "", f"largest deviation of a share: {100 * balance.absolute:.2f} points "
            f"({balance.absolute_of}); {100 * balance.relative:.1f} % of itself "
            f"({balance.relative_of})",
        ]  # fmt: skip
    lines.append(f"{images} images in {out}; no patient and no group is in two splits")
    return "\n".join(lines)


def _numbers(by: Mapping[str, int]) -> list[str]:
    return [f"{number:,}" for number in (*by.values(), sum(by.values()))]


def _percent(by: Mapping[str, float], names: list[str]) -> list[str]:
    return [f"{100 * by[name]:.2f} %" for name in (*names, "all")]
