"""report.html of a run: one file that needs nothing else, for light and for dark screens."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

import cxrkit
from cxrkit.terms import SPLITS
from cxrkit.training import card_tables, checkpoint, curves, model_card
from cxrkit.training.card_tables import Table as Table

HTML = "report.html"
_TEMPLATES = Path(__file__).parent / "templates"
_NO_SCORE = ("epoch", "learning_rate", "seconds")  # columns of a log


@dataclass(frozen=True)
class Figure:
    """A drawing of `curves` with what it shows."""

    caption: str
    svg: str


@dataclass(frozen=True)
class Picture:
    """A PNG with its caption: an image that the model is bad at."""

    caption: str
    png: bytes

    @property
    def address(self) -> str:
        """The picture as a data address."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


@dataclass(frozen=True)
class Page:
    """What a run's page shows besides what its card and its log say by themselves.

    The scores of the card are shown where `tables` is empty; curves are drawn of the log's columns.
    """

    title: str
    card: Mapping[str, Any]
    rows: Sequence[Mapping[str, float]]  # of the log, one per epoch
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()  # worst first; empty where `shows_pictures` is False
    key: Sequence[tuple[str, str]] = ()  # the few numbers at the top: (what, value)


def shows_pictures(card: Mapping[str, Any]) -> bool:
    """Whether the images of a card's archives may stand in a page that is passed on freely."""
    return not model_card.restricted(card)


def write(out: Path, page: Page) -> None:
    """Write report.html to the folder `out`."""
    checkpoint.replace(out / HTML, html(page).encode("utf-8"))


def html(page: Page) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    card = page.card
    recipes = [
        card_tables.pairs(card_tables.words(key).capitalize(), card[key])
        for key in ("training", "recipe", "settings", "input")
        if isinstance(card.get(key), Mapping) and card[key]
    ]
    return environment.get_template("report.html.j2").render(
        page=page,
        lead=sentence(card),
        key=[*page.key, *_key(card, page.rows)],
        learning=learning(page.rows),
        tables=[t for t in page.tables or _scores(card) if t.rows],
        recipes=recipes,
        data=[card_tables.data(card["data"])] if card.get("data") else [],
        entries=card.get("data", ()),
        log=_log(page.rows),
        limits=model_card.limits(card),
        restricted=model_card.restricted(card),
        version=cxrkit.__version__,
    )


def sentence(card: Mapping[str, Any]) -> str:
    """What was trained, on what."""
    entries = card.get("data", ())
    name, task = card.get("architecture", "a network"), card.get("task", "radiographs")
    words = f"{name}, trained for {task}"
    if entries:
        images = sum(entry.get("train", 0) for entry in entries)
        titles = [str(entry["title"]) for entry in entries]
        several = " and ".join([", ".join(titles[:-1]), titles[-1]] if titles[1:] else titles)
        words += f" on {images:,} radiographs of {several}"
    return words + "."


def learning(rows: Sequence[Mapping[str, float]]) -> list[Figure]:
    """The curves of a log: losses, then scores in 0-1 together, then each other score by itself."""
    if not rows:
        return []
    epochs = [row["epoch"] for row in rows]
    columns = {
        name: [float(row.get(name, math.nan)) for row in rows]
        for name in dict.fromkeys(key for row in rows for key in row)
        if name not in _NO_SCORE
    }
    losses = [name for name in columns if "loss" in name]
    shares = [
        name
        for name, values in columns.items()
        if name not in losses and all(0 <= v <= 1 for v in values if math.isfinite(v))
    ]
    others = [[name] for name in columns if name not in losses and name not in shares]
    figures = []
    for names in filter(None, [losses, shares, *others]):
        log = names is losses and all(v > 0 for name in names for v in columns[name])
        series = [curves.Series(card_tables.words(n), epochs, columns[n]) for n in names]
        label = series[0].name if len(series) == 1 else "loss" if names is losses else "score"
        of = "training" if names == ["loss"] else "validation" if names is not losses else "both"
        words = {
            "training": "Mean loss of the training images of each epoch.",
            "validation": "Scores on the validation images after each epoch.",
            "both": "Losses of each epoch.",
        }
        figures.append(Figure(words[of], curves.learning(words[of], series, label, log)))
    return figures


def _key(card: Mapping[str, Any], rows: Sequence[Mapping[str, float]]) -> list[tuple[str, str]]:
    entries = card.get("data", ())
    found = [
        (f"images to {split}", f"{sum(e.get(split, 0) for e in entries):,}")
        for split in SPLITS
        if entries
    ]
    if entries:
        found.append(("patients", f"{sum(e['patients'] for e in entries):,}"))
    if "parameters" in card:
        found.append(("parameters", f"{card['parameters']:,}"))
    if rows:
        found.append(("epochs", f"{len(rows):,}"))
        found.append(("of training", _duration(sum(r.get("seconds", 0.0) for r in rows))))
    return found


def _scores(card: Mapping[str, Any]) -> list[Table]:
    found = card.get("scores")
    return card_tables.scores(found) if isinstance(found, Mapping) else []


def _log(rows: Sequence[Mapping[str, float]]) -> Table:
    shown = [{k: int(v) if k == "epoch" else v for k, v in row.items()} for row in rows]
    return card_tables.of("Log", shown)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
