"""Inputs that gave no output: the columns of quarantine.csv, and how many are too many."""

from collections.abc import Mapping
from pathlib import Path

import cxrkit
from cxrkit.errors import NAMES, InputRefused, ItemFault, one_line

COLUMNS = (
    "item_id", "relpath", "bytes", "sha256", "stage", "code", "message", "remedy", "retriable",
    "tool_version",
)  # fmt: skip

# Another attempt on the same file can end differently; for all other codes the file must change.
_RETRIABLE = frozenset({"E106", "E201", "E202", "E207", "E301", "E302", "E303", "E399"})

# By default a run stops when more than this many and more than this share are unusable: fewer
# can be a small archive's bad luck, more is a wrong folder or a broken download.
_DEFAULT_COUNT, _DEFAULT_SHARE = 50, 0.05


def beside(listed: Path) -> Path:
    """The CSV beside a list of one file, `*.quarantine.csv`: there where inputs gave no row."""
    return listed.with_name(f"{listed.stem}.quarantine.csv")


def row(fault: ItemFault, item_id: str, relpath: str) -> dict[str, object]:
    """One row of quarantine.csv; `bytes`, `sha256` and `stage` are for the caller to fill."""
    return {
        "item_id": item_id,
        "relpath": one_line(relpath),
        "bytes": None,
        "sha256": "",
        "stage": "",
        "code": fault.code,
        "message": one_line(f"{fault.observed} (expected {fault.expected})"),
        "remedy": one_line(fault.remedy),
        "retriable": str(fault.code in _RETRIABLE).lower(),
        "tool_version": cxrkit.__version__,
    }


def limit(text: str, images: int) -> int:
    """The largest number of quarantined items that a run over `images` accepts.

    `text` is a number, a share such as "2%", or empty for 5 % and at least 50.

    Raises:
        InputRefused: E107, none of these.
    """
    if not text:
        return max(_DEFAULT_COUNT, int(_DEFAULT_SHARE * images))
    number = text.removesuffix("%")
    if number.isascii() and number.replace(".", "", 1).isdigit():
        if text.endswith("%") and float(number) <= 100:
            return int(float(number) * images / 100)
        if number == text and "." not in text:
            return int(text)
    raise InputRefused(
        "E107", "--max-quarantine", text, "a number such as 200, or a share such as 2%", "give one"
    )


def too_many(counts: Mapping[str, int], most: int) -> InputRefused:
    """The refusal of an input that is mostly unusable, with the codes seen."""
    seen = ", ".join(f"{NAMES[code]} ({code}) {n}" for code, n in sorted(counts.items()))
    return InputRefused(
        "E304",
        "--max-quarantine",
        f"{sum(counts.values())} items quarantined: {seen}",
        f"at most {most}",
        "check the archive; or run the same command with a higher --max-quarantine: it goes on",
    )
