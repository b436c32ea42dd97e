"""`cxr leakage`: what a test set shares with what was learnt from."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from cxrkit import sources as given
from cxrkit.errors import GateFailed, InputRefused
from cxrkit.pipeline import durable
from cxrkit.pipeline.run import require_file
from cxrkit.quality import groups, sets, trained_on
from cxrkit.quality import leakage as check
from cxrkit.quality.leakage import Finding
from cxrkit.quality.sets import Sets
from cxrkit.segmentation import weights_folder


def leakage(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="ARCHIVE:ROOT, a dataset of cxr build or a folder. Of several, each is a set and "
            "the later one is tested on; of one, the parts of its split are."
        ),
    ],
    split: Annotated[
        list[Path],
        typer.Option(
            help="Of one source: a CSV of ids with split or fold, or .txt lists, one for each set.",
            show_default="the dataset's, else the published one",
        ),
    ] = [],  # noqa: B006  # typer copies it
    duplicates: Annotated[
        Path | None, typer.Option(help="The CSV of cxr duplicates over all sources.")
    ] = None,
    model: Annotated[
        list[str],
        typer.Option(
            help="The folder of a model, shipped or small: what it learnt from is a set, held "
            "against the test part of a split or every source."
        ),
    ] = [],  # noqa: B006
    shared_list: Annotated[
        Path | None, typer.Option("--list", help="Write every shared image to this CSV.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All findings as JSON.")] = False,
) -> None:
    """Say what two sets share: patients, studies, images, copies, origins; and what is unknown.

    Exit status 0: no leak of the kinds that were examined; 9: there is one.

    Example: cxr leakage shenzhen:SZ-CXR guangzhou:chest_xray
    """
    read = given.read_all(sources)
    if shared_list is not None:
        files = [*split, *map(weights_folder, model), *([] if duplicates is None else [duplicates])]
        require_file(shared_list, "--list", *(source.root for source in read), *files)
    found = groups.images(read)
    listed, strange = (None, 0) if duplicates is None else groups.read_duplicates(duplicates, found)
    compared = _sets(found, sources, split, bool(model))
    findings, shared = check.between(
        found, groups.links(found, listed), compared, listed is not None
    )
    for name in model:
        more, also = check.with_model(
            found, sets.tested(compared), f"model {name}", trained_on.read(weights_folder(name))
        )
        findings, shared = findings + more, pl.concat([shared, also])
    notes = [*compared.notes]
    notes += [f"{strange} rows of the list of duplicates name none of the images"] * bool(strange)
    if shared_list is not None:
        durable.replace(shared_list, shared.write_csv().encode("utf-8"))
    print(_json(found, compared, findings, notes) if as_json else _text(findings, notes))
    if leaks := [f for f in findings if f.images]:
        raise _refused(leaks, shared_list)


def _sets(found: pl.DataFrame, sources: Sequence[str], files: Sequence[Path], model: bool) -> Sets:
    if len(sources) > 1:
        if files:
            raise InputRefused(
                "E107", "--split", f"{len(sources)} sources", "one source with a split",
                "give one source, or leave --split away",
            )  # fmt: skip
        return sets.of_sources(found, sources)
    if files:
        return sets.of_files(found, files)
    if model:
        return sets.of_sources(found, sources)
    return sets.of_column(found, "split")


def _refused(leaks: Sequence[Finding], listed: Path | None) -> GateFailed:
    worst = max(leaks, key=lambda f: f.share)
    where = "see the list" if listed else "--list FILE names them"
    return GateFailed(
        "E904", f"{worst.first} and {worst.second}",
        f"{len(leaks)} kinds of leak; {_amount(worst)} by {worst.kind}", "sets that share nothing",
        f"split anew with cxr split, or leave these images out of the test: {where}",
    )  # fmt: skip


def _amount(f: Finding) -> str:
    return f"{f.images} of {f.of} images ({100 * f.share:.1f} %) of {f.second}"


def _text(findings: Sequence[Finding], notes: Sequence[str]) -> str:
    """A line for each kind and pair; below, what is clean and what was not examined."""
    lines, pair = list[str](), ("", "")
    for f in findings:
        if (f.first, f.second) != pair:
            pair = (f.first, f.second)
            lines += [*([""] if lines else []), f"{f.first} -> {f.second}"]
        what = f"{f.keys} shared: {_amount(f)}" if f.images else ""
        told = "; ".join(part for part in (what, f.unexamined or f.note) if part)
        lines.append(f"  {f.kind:16} {f.verdict:12}  {told}".rstrip())
    verdicts = {k: {f.verdict for f in findings if f.kind == k} for k in _kinds(findings)}
    clean = [kind for kind, told in verdicts.items() if told == {"none"}]
    blind = [k for k in _kinds(findings) if any(f.unexamined for f in findings if f.kind == k)]
    lines += ["", f"no leak of these kinds: {', '.join(clean) or 'none'}"]
    lines.append(f"not examined, wholly or for some sets: {', '.join(blind) or 'nothing'}")
    return "\n".join([*lines, *(f"note: {note}" for note in notes)])


def _kinds(findings: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(f.kind for f in findings))


def _json(
    found: pl.DataFrame, compared: Sets, findings: Sequence[Finding], notes: Sequence[str]
) -> str:
    rows = [
        {"kind": f.kind, "first": f.first, "second": f.second, "shared": f.keys,
         "images": f.images, "of": f.of, "share": f.share, "verdict": f.verdict,
         "unexamined": f.unexamined, "note": f.note}
        for f in findings
    ]  # fmt: skip
    sizes = {name: int(rows.size) for name, rows in compared.rows.items()}
    return json.dumps({"sets": sizes, "findings": rows, "notes": list(notes)})
