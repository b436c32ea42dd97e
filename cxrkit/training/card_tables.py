"""The facts and scores of a model card as tables of text, for card.md and report.html alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cxrkit.terms import SPLITS

NOT_DEFINED = "not defined"
_INTERVAL = "_95_interval"
_RESAMPLES = "_resamples"  # in the card only
_WORDS = {
    "auroc": "AUROC", "auprc": "AUPRC", "iou": "IoU", "ppv": "PPV", "npv": "NPV", "f1": "F1",
    "ece": "ECE", "ece_adaptive": "ECE, adaptive", "brier": "Brier score", "dice": "Dice",
    "hausdorff95": "HD95", "hausdorff95_pixels": "HD95, pixels",
    "surface_distance_pixels": "surface distance, pixels", "bleu": "BLEU", "rouge_l": "ROUGE-L",
    "cider": "CIDEr", "meteor": "METEOR", "sha256": "SHA-256", "dice_right": "Dice, right",
    "dice_left": "Dice, left", "dice_lowest": "lowest Dice",
}  # fmt: skip
_OF_A_SUBGROUP = ("images", "positive", "auroc", "auprc", "sensitivity", "specificity")


@dataclass(frozen=True)
class Table:
    """A table of text; a score and its 95 % interval share a cell."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    @property
    def numeric(self) -> tuple[bool, ...]:
        """For each column, whether it holds numbers, which are set to the right."""
        return tuple(
            bool(self.rows) and all(_is_number(row[place]) for row in self.rows)
            for place in range(len(self.columns))
        )


def of(title: str, entries: Sequence[Mapping[str, Any]], note: str = "") -> Table:
    """A row for each entry, a column for each key; the interval of `x` is `x_95_interval`."""
    names = [key for key in dict.fromkeys(k for e in entries for k in e) if _is_column(key)]
    rows = tuple(tuple(_cell(entry, name) for name in names) for entry in entries)
    return Table(title, tuple(words(name) for name in names), rows, note)


def scores(found: Mapping[str, Any], title: str = "") -> list[Table]:
    """The scores of a card as tables: single values, rows of the same kind, then what is below.

    Args:
        found: names to values, to lists of entries, or to more of the same, at any depth.
        title: of the first, which may do without; the others add what they are about.
    """
    tables = []
    single = {key: value for key, value in found.items() if _is_value(value)}
    if single:
        tables.append(pairs(title, single))
    for key, value in found.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            tables.append(of(_joined(title, key), value))
    below = {k: v for k, v in found.items() if isinstance(v, Mapping) and k != "subgroups"}
    alike = {key: value for key, value in below.items() if _has_values(value)}
    if alike:
        tables += _alike(title, alike)
    for key, value in below.items():
        if key not in alike:
            tables += scores(value, _joined(title, key))
    if isinstance(found.get("subgroups"), Mapping):
        tables += [
            _subgroups(_joined(title, f"by {k}"), k, v) for k, v in found["subgroups"].items()
        ]
    return tables


def pairs(title: str, facts: Mapping[str, Any]) -> Table:
    """Names and values, one below the other."""
    rows = tuple((words(key), _cell(facts, key, ".4g")) for key in facts if _is_column(key))
    return Table(title, ("", "value"), rows)


def data(entries: Sequence[Mapping[str, Any]]) -> Table:
    """What was learnt from: images of each split and patients, an archive a row."""
    kept = ("title", "mask_convention", *SPLITS, "patients", "licence")
    rows = [{k: entry[k] for k in kept if k in entry} for entry in entries]
    return of("Data", rows)


def markdown(table: Table) -> str:
    """The table as Markdown, without its title."""
    lines = [_row(table.columns), "|" + "".join("---:|" if n else "---|" for n in table.numeric)]
    return "\n".join([*lines, *(_row(row) for row in table.rows)]) + "\n"


def words(key: str) -> str:
    """A key of a card as a reader would write it."""
    return _WORDS.get(key, key.replace("_", " "))


def shown(value: object, digits: str = "") -> str:
    """A value of a card as text: three digits for a score, two for a very small number.

    Args:
        value: of any kind.
        digits: how a float is written instead, as `format` has it.
    """
    if value is None:
        return NOT_DEFINED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if digits:
            return format(value, digits)
        if value == 0 or abs(value) >= 10:
            return f"{value:,.1f}".removesuffix(".0")
        return f"{value:.3f}" if abs(value) >= 0.001 else f"{value:.2g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{words(str(k))} {shown(v, digits)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(shown(v, digits) for v in value)
    return str(value)


def _joined(title: str, key: str) -> str:
    text = f"{title}, {words(key)}" if title else words(key)
    return text[:1].upper() + text[1:]


def _alike(title: str, rows: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    """A table of rows with a name, and one for each group of values that the rows hold."""
    entries = [
        {"": name, **{key: value for key, value in row.items() if _is_value(value)}}
        for name, row in rows.items()
    ]
    tables = [of(title, entries)]
    inner = [k for row in rows.values() for k, v in row.items() if isinstance(v, Mapping)]
    for key in dict.fromkeys(inner):
        own = {name: row[key] for name, row in rows.items() if key in row}
        tables += scores(own, _joined(title, key))
    return tables


def _subgroups(
    title: str, attribute: str, values: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> Table:
    """The subgroups of an attribute, those of one observation below each other."""
    observations = dict.fromkeys(name for scored in values.values() for name in scored)
    entries = []
    for name in observations:
        for value, scored in values.items():
            flat = {k: v for part in _levels(scored[name]) for k, v in part.items()}
            kept = {k: v for k, v in flat.items() if k.removesuffix(_INTERVAL) in _OF_A_SUBGROUP}
            entries.append({"observation": name, attribute: value, **kept})
    return of(title, entries)


def _levels(facts: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield facts
    yield from (value for value in facts.values() if isinstance(value, Mapping))


def _cell(facts: Mapping[str, Any], key: str, digits: str = "") -> str:
    if key not in facts:
        return ""
    interval = facts.get(key + _INTERVAL)
    text = shown(facts[key], digits)
    return f"{text} [{shown(interval, digits)}]" if interval else text


def _is_column(key: str) -> bool:
    return not key.endswith((_INTERVAL, _RESAMPLES))


def _is_value(value: object) -> bool:
    """Whether it fits in a cell: no facts below it, no list of lists."""
    if isinstance(value, list):
        return not any(isinstance(item, list | Mapping) for item in value)
    return not isinstance(value, Mapping)


def _has_values(value: Mapping[str, Any]) -> bool:
    return any(_is_value(v) for v in value.values())


def _is_number(text: str) -> bool:
    return text in ("", NOT_DEFINED) or text.removeprefix("-")[:1].isdigit()


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(c.replace("|", r"\|").split()) for c in cells) + " |"
