"""The sections of a page in the form of published dataset pages, every number counted.

The form is that of openmedlab/Awesome-Medical-Dataset: the same headings in the same order and
tables with the same columns.
"""

from collections.abc import Sequence

from cxrkit.cards import charts
from cxrkit.cards.charts import Bar
from cxrkit.cards.counts import ALL, STATES, Count
from cxrkit.cards.document import Block, Figure, Heading, Listing, Pairs, Section, Table, Text
from cxrkit.cards.extent import Spread
from cxrkit.cards.facts import Facts

_MOST_BARS = 40  # observations in a chart; the tables hold all
_NOT_SHOWN = "-"
_STYLES = {"present": charts.STRONG, "uncertain": charts.OTHER, "absent": charts.PALE}


def images(count: Count) -> str:
    """The number of images, or how it is withheld."""
    return count.mark or f"{count.images:,}"


def people(count: Count) -> str:
    """The number of people, or how it is withheld."""
    return count.mark or f"{count.people:,}"


def share(part: Count, whole: Count) -> str:
    """The images of a part in percent of those of the whole; blank where one is withheld."""
    if part.images is None or not whole.images:
        return _NOT_SHOWN
    return f"{100 * part.images / whole.images:.1f} %"


def sections(facts: Facts, pictures: Sequence[Figure]) -> list[Section]:
    """All sections that published pages have, in their order."""
    return [
        Section("Dataset Information", tuple(_information(facts))),
        Section("Dataset Meta Information", tuple(_meta(facts))),
        Section("Label Information Statistics", tuple(_labels(facts))),
        Section("Visualization", tuple(_visualization(facts, pictures))),
        Section("File Structure", _structure(facts)),
        Section("Authors and Institutions", (Text(facts.card.authors or "Not known."),)),
        Section("Source Information", (_source(facts),)),
        Section("Citation", (Listing(facts.card.citation.strip() or "None known."),)),
    ]


def summary(facts: Facts) -> str:
    """One sentence: how many images of how many patients, of what kind."""
    whole = facts.count("images")
    words = _so_many(images(whole), "chest radiographs")
    if facts.patients == "all":
        words += f" of {_so_many(people(whole), 'patients')}"
    if facts.kinds:
        words += f" as {_listed(facts.kinds)} files"
    masked = facts.count("mask", "with")
    if masked.images or masked.mark:
        words += f", {amount(images(masked))} of them with a mask of the {facts.card.mask_of}"
    named = len(facts.observations)
    if named:
        words += f", with {named} {'label' if named == 1 else 'labels'}"
    return words + "."


def amount(number: str) -> str:
    """A number as it stands in a sentence."""
    return "a withheld number" if number == "withheld" else number


def _so_many(number: str, things: str) -> str:
    return f"{amount(number)}{' of' if number == 'withheld' else ''} {things}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _information(facts: Facts) -> list[Block]:
    paragraphs = facts.about[1:]
    counted = f"Counted in this copy: {summary(facts)}"
    counted += _uncounted(facts)
    unusable = [what for what in ("image", "mask") if any(f.what == what for f in facts.faults)]
    counted += "".join(
        f" Not every {what} that is listed can be used: see Files." for what in unusable
    )
    blocks: list[Block] = [Text(counted)]
    if facts.restricted:
        blocks.append(
            Text(
                "The terms of these data are not open: this page shows no image and no number of "
                "fewer than 11 people. <11 stands for 1 to 10 people; withheld for a larger number "
                "from which such a one could be computed."
            )
        )
    if paragraphs:
        blocks.append(Heading("What the release is, as published"))
        blocks += [Text(paragraph) for paragraph in paragraphs]
    return blocks


def _uncounted(facts: Facts) -> str:
    """How many rows are damaged, which no number counts, and how many records there are with them.

    With a withheld number of rows the sum is left out: it would tell that number.
    """
    whole, rows = facts.count("images"), facts.count("rows", "damaged")
    if rows.images == 0:
        return ""
    said = f" Not counted, here and below: {_so_many(images(rows), 'damaged')} "
    said += "row of a table" if rows.images == 1 else "rows of tables"
    if whole.images is not None and rows.images is not None:
        said += f"; with {'it' if rows.images == 1 else 'them'} there are "
        said += f"{whole.images + rows.images:,} records"
    return f"{said}."


def _meta(facts: Facts) -> list[Block]:
    tasks = ", ".join(task.capitalize() for task in facts.card.tasks) or _NOT_SHOWN
    meta = Table(
        (
            "Dimensions", "Modality", "Task Type", "Anatomical Structures", "Anatomical Area",
            "Number of Categories", "Data Volume", "File Format",
        ),
        (
            (
                "2D", "X-Ray", tasks, "Lung", "Chest", str(facts.categories),
                images(facts.count("images")), ", ".join(facts.kinds) or _NOT_SHOWN,
            ),
        ),
        words=("Task Type", "File Format"),
    )  # fmt: skip
    sizes = facts.sizes
    rows = tuple(
        (name, _size(size), _number(height), _number(width))
        for name, size, height, width in (
            ("min", sizes.least, sizes.rows.least, sizes.columns.least),
            ("median", sizes.median, sizes.rows.median, sizes.columns.median),
            ("max", sizes.most, sizes.rows.most, sizes.columns.most),
        )
    )
    said = (
        "H x W in pixels (rows x columns), from the headers of the files. A size is that of one "
        "image: the one with the fewest, the middle and the most pixels. Height and width are "
        "ordered by themselves."
    )
    if facts.restricted:
        said += " Least and most are those that at least 11 people reach."
    return [
        meta,
        Heading("Resolution Details"),
        Table(("Dataset Statistics", "size", "height", "width"), rows),
        Text(said),
    ]


def _labels(facts: Facts) -> list[Block]:
    blocks: list[Block] = []
    if facts.observations:
        blocks.append(_categories(facts))
        blocks += _chart(facts)
    masked = facts.count("mask", "with")
    if masked.images or masked.mark:
        name = "Lung" if facts.card.mask_of == "lungs" else facts.card.mask_of.capitalize()
        rows = (
            ("Case Count", images(masked)),
            ("Coverage", share(masked, facts.count("images"))),
        )
        blocks.append(Table(("Metric", name), rows))
    if facts.observations:
        blocks += _states(facts)
    return blocks or [Text("The archive has neither labels nor masks.")]


def _categories(facts: Facts) -> Table:
    """Images by category and split, as published pages have it."""
    splits = facts.tally.names("split")
    rows = []
    for observation in facts.observations:
        single = len(facts.observations) == 1 and facts.categories > 1
        for state in ("present", "absent") if single else ("present",):
            name = f"{observation}: {state}" if single else observation
            cells = [
                images(facts.count("label", observation, split, state)) for split in (*splits, ALL)
            ]
            rows.append((name, *cells))
    return Table(("Category", *splits, "total" if splits else "images"), tuple(rows))


def _states(facts: Facts) -> list[Block]:
    """Every observation in its four states, images and people, by split."""
    splits = facts.tally.names("split")
    names = tuple(STATES.values())
    whose = facts.patients != "none"
    rows = []
    for observation in facts.observations:
        for split in (ALL, *splits) if len(splits) > 1 else (ALL,):
            found = [facts.count("label", observation, split, state) for state in names]
            cells = [images(count) for count in found]
            cells += [people(count) for count in found] if whose else []
            rows.append((observation, split, *cells))
    heads = names + (tuple(f"{name}, patients" for name in names) if whose else ())
    return [
        Heading("Four states"),
        Text(
            "Present, absent, uncertain, and not mentioned, which is none of the three. "
            + ("A patient counts in each state that one of their images has." if whose else "")
        ),
        Table(("label", "split", *heads), tuple(rows)),
    ]


def _chart(facts: Facts) -> list[Block]:
    listed = facts.observations[:_MOST_BARS]
    states = [
        state
        for state in _STYLES
        if state == "present" or any(facts.count("label", o, ALL, state).images for o in listed)
    ]
    bars = []
    for observation in listed:
        shown = [facts.count("label", observation, ALL, state) for state in states]
        present = facts.count("label", observation, ALL, "present")
        said = f"present: {images(present)}" if len(states) > 1 else images(present)
        bars.append(Bar(observation, tuple(c.images for c in shown), said))
    if not any(part for bar in bars for part in bar.parts):
        return []
    title = f"Images by label: {', '.join(states)}"
    if len(facts.observations) > _MOST_BARS:
        title += f"; the first {_MOST_BARS} of {len(facts.observations)} labels"
    drawing = charts.rows(title, bars, {s: _STYLES[s] for s in states})
    said = f"{title}. The number is that of images where it is present."
    if facts.restricted:
        said += " What is not shown as a number has no bar."
    return [Figure("labels.svg", said, drawing.encode())]


def _visualization(facts: Facts, pictures: Sequence[Figure]) -> list[Block]:
    if pictures:
        return list(pictures)
    if facts.restricted:
        return [Text("No images: the terms of these data do not allow them to be passed on.")]
    return [Text("No images.")]


def _structure(facts: Facts) -> tuple[Block, ...]:
    layout = Text(f"Layout that is read: {facts.layout}.")
    if not facts.files:
        return (layout,)
    said = "Found, with # for a run of digits and <id> for one of hexadecimal digits:"
    return layout, Text(said), Listing(facts.files)


def _source(facts: Facts) -> Pairs:
    card = facts.card
    article = card.article
    if article.startswith("10."):
        article = f"https://doi.org/{article}"
    article = article.replace("arXiv:", "https://arxiv.org/abs/")
    pairs = (
        ("Official Website", card.homepage),
        ("Article Address", article),
        ("Publication Date", card.published_on),
    )
    return Pairs(tuple((name, value or "not known") for name, value in pairs))


def _size(size: tuple[int, int] | None) -> str:
    return _NOT_SHOWN if size is None else f"{size[0]} x {size[1]}"


def _number(value: int | float | None) -> str:
    return _NOT_SHOWN if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def spread(found: Spread) -> tuple[str, str, str]:
    """Least, median and most as text."""
    return _number(found.least), _number(found.median), _number(found.most)
