"""The sections that published pages lack: claims counted, patients, leakage, lineage, traps."""

import importlib.metadata
from collections.abc import Sequence

import cxrkit
from cxrkit.cards import charts
from cxrkit.cards.charts import Bar
from cxrkit.cards.counts import UNKNOWN
from cxrkit.cards.disclosure import LEAST
from cxrkit.cards.document import Block, Figure, Heading, Items, Pairs, Section, Table, Text
from cxrkit.cards.facts import Checked, Facts
from cxrkit.cards.published import amount, images, people, share, spread
from cxrkit.errors import NAMES

_LIBRARIES = ("numpy", "opencv-python-headless", "polars", "jinja2")
_GROUPS = 20  # groups of identical files that are named
_ORIGIN, _FIELDS = "How the labels were made", "Where the fields are read"
_UNKNOWN = "unknown: "  # with it begins what a card says where patients are not known
_CONVENTIONS = {
    "excluded": "The lung behind the heart is not in the mask.",
    "included": "Most of the lung behind the heart is in the mask.",
}
_VERDICTS = {
    "agrees": ("agrees", "agree"),
    "differs": ("differs", "differ"),
    "known error": ("known to be wrong",) * 2,
    "cannot tell": ("cannot be told in this copy",) * 2,
    "withheld": ("withheld",) * 2,
}
_LICENCES = {
    "open": "open: free to pass on with attribution, as the terms say",
    "unchanged": "unchanged: free to pass on as it is, and nothing that was made from it",
    "registered": "registered: after an agreement with the publisher; not to be passed on",
    "credentialed": "credentialed: a data use agreement that covers everything derived from it too",
}


def sections(facts: Facts) -> list[Section]:
    """All of them in order; those about something that the archive has not are left out."""
    every = [
        Section("Claimed against counted", tuple(_claims(facts.claims))),
        Section("Patients and splits", tuple(_patients(facts))),
        Section("Views, sex and age", tuple(_distributions(facts))),
        Section("Masks", tuple(_masks(facts))),
        Section("Regions and readers", tuple(_regions(facts))),
        Section("Files", tuple(_files(facts))),
        Section("Identical files", tuple(_identical(facts))),
        Section("Lineage", (_lineage(facts),)),
        Section("Licence and terms", (_terms(facts),)),
        Section(_ORIGIN if facts.observations else _FIELDS, tuple(_labels(facts))),
        Section("Traps", (Items(facts.card.traps),) if facts.card.traps else ()),
        Section("How this card was made", tuple(_made())),
    ]
    return [section for section in every if section.blocks]


def _claims(claims: Sequence[Checked]) -> list[Block]:
    if not claims:
        return []
    found = [(words, sum(c.verdict == v for c in claims)) for v, words in _VERDICTS.items()]
    said = ", ".join(f"{number} {words[number > 1]}" for words, number in found if number)
    rows = tuple(
        (
            c.what,
            f"{c.value:,}",
            "-" if c.found is None else f"{c.found:,}",
            c.verdict,
            c.source,
            c.note,
        )
        for c in claims
    )
    columns = ("claim", "published", "found", "verdict", "source", "note")
    return [
        Text(f"{len(claims)} published numbers, counted in this copy: {said}."),
        Table(columns, rows, words=("claim", "verdict", "source", "note")),
    ]


def _patients(facts: Facts) -> list[Block]:
    whole = facts.count("images")
    said = {
        "all": f"{people(whole)} patients.",
        "some": "Some images have no patient; each of them counts as a person of its own, "
        f"{people(whole)} in all.",
        "none": "Patients are unknown: every image counts as a person of its own.",
    }[facts.patients]
    known = facts.patients != "none"
    origin = f" Where the patient comes from: {facts.card.patients}." if facts.card.patients else ""
    if not known and facts.card.patients.startswith(_UNKNOWN):
        reason = facts.card.patients.removeprefix(_UNKNOWN)
        origin = f" {reason[0].upper()}{reason[1:]}."
    blocks: list[Block] = [Text(said + origin.replace("..", "."))]
    if known:
        blocks += _per_patient(facts)
    splits = facts.tally.names("split")
    if not splits:
        return [*blocks, Text("The archive has no split of its own.")]
    found = [(s, facts.count("split", s)) for s in splits]
    rows = [(s, images(count), *([people(count)] if known else [])) for s, count in found]
    columns = ("split", "images", *(["patients"] if known else []))
    blocks += [Heading("Splits"), Table(columns, tuple(rows))]
    crossing = facts.count("patients", "in several splits")
    if known:
        several = "patient is" if crossing.people == 1 else "patients are"
        who = "No patient is" if crossing.people == 0 else f"{people(crossing)} {several}"
        blocks.append(Text(f"Leakage: {who} in more than one split."))
    return blocks


def _per_patient(facts: Facts) -> list[Block]:
    said = "Images per patient"
    if facts.restricted:
        said += f" (least and most: what at least {LEAST} patients reach)"
    bands = {b: facts.count("images per patient", b)
             for b in facts.tally.names("images per patient")}  # fmt: skip
    blocks: list[Block] = [
        Table(("", "min", "median", "max"), ((said, *spread(facts.images_per_patient)),)),
        Table(("images of a patient", "patients"), tuple((b, people(c)) for b, c in bands.items())),
    ]
    if len(bands) > 1 and any(count.people for count in bands.values()):
        title = "Patients by their number of images"
        bars = [Bar(name, (count.people,), people(count)) for name, count in bands.items()]
        chart = charts.columns(title, bars, "images of a patient")
        blocks.append(Figure("images-per-patient.svg", f"{title}.", chart.encode()))
    return blocks


def _distributions(facts: Facts) -> list[Block]:
    blocks: list[Block] = []
    for column, title in (("view", "View"), ("sex", "Sex"), ("age band", "Age in years")):
        names = facts.tally.names(column)
        if not names:
            continue
        rows = [("all images", *(images(facts.count(column, n)) for n in names))]
        rows += [
            (o, *(images(facts.count(column, o, n)) for n in names)) for o in facts.observations
        ]
        blocks += [Heading(title), Table(("label", *names), tuple(rows))]
        if column == "age band":
            blocks += _ages(facts)
    missing = [
        word
        for column, word in (("view", "view"), ("sex", "sex"), ("age band", "age"))
        if not facts.tally.names(column)
    ]
    if missing:
        blocks.append(Text(f"Not known for any image: {', '.join(missing)}."))
    if len(missing) < 3:
        blocks.insert(0, Text("Images, and of each label those where it is present."))
    return blocks


def _ages(facts: Facts) -> list[Block]:
    least, median, most = spread(facts.ages)
    bands = [b for b in facts.tally.names("age band") if b != UNKNOWN]
    bars = [
        Bar(b, (facts.count("age band", b).images,), images(facts.count("age band", b)))
        for b in bands
    ]
    if not any(part for bar in bars for part in bar.parts):
        return []
    said = f"Images by age in years: least {least}, median {median}, most {most}."
    if facts.restricted:
        said += f" Least and most are those that at least {LEAST} people reach."
    chart = charts.columns("Images by age in years", bars, "age in years")
    return [Figure("ages.svg", said, chart.encode())]


def _masks(facts: Facts) -> list[Block]:
    card = facts.card
    if not card.mask_of:
        return [Text("The archive has no masks of its own.")]
    masked, whole = facts.count("mask", "with"), facts.count("images")
    said = f"Masks of the {card.mask_of}: {amount(images(masked))} of "
    said += f"{amount(images(whole))} images have one"
    if masked.images is not None and whole.images:
        said += f" ({share(masked, whole)})"
    blocks: list[Block] = [Text(f"{said}.")]
    if card.mask_convention in _CONVENTIONS:
        blocks.append(
            Text(
                f"Convention: heart {card.mask_convention}. {_CONVENTIONS[card.mask_convention]} "
                "Masks of the two conventions agree at a Dice of about 0.85 on the same image: "
                "never average a score over both, never train one output on both."
            )
        )
    elif card.mask_of == "lungs":
        blocks.append(Text("Convention: mixed or unknown; never average a score with others."))
    return blocks


def _regions(facts: Facts) -> list[Block]:
    names = facts.tally.names("statements", "of")
    if not names:
        return []
    rows = []
    for name in names:
        stated = facts.count("statements", "of", name)
        regions = facts.count("regions", "of", name)
        rows.append((name, images(stated), images(regions)))
    total = ("all", images(facts.count("statements")), images(facts.count("regions")))
    columns = ("observation", "statements", "with a region")
    rule = facts.card.reader_rule
    said = f" Several readers become one label by this rule: {rule}." if rule else ""
    return [
        Text("What readers marked: one statement for each reader, observation and region." + said),
        Table(columns, (total, *rows)),
    ]


def _files(facts: Facts) -> list[Block]:
    names = sorted(facts.tally.names("file"), key=lambda name: name[:4] in NAMES)
    blocks: list[Block] = [
        Table(
            ("file", "images"), tuple((name, images(facts.count("file", name))) for name in names)
        )
    ]
    if not facts.faults:
        return [*blocks, Text("No file is missing or unreadable by its header; no row is damaged.")]
    rows = tuple(
        (f.what, f"{f.code} {NAMES.get(f.code, '')}", images(f.count), ", ".join(f.names))
        for f in facts.faults
    )
    few = "" if facts.restricted else "At most 20 of a kind are named; "
    all_ = "`SHA256SUMS.txt` of the dataset lists all files" if facts.built else (
        "`cxr verify` names every one"
    )  # fmt: skip
    said = f"{few}{all_}."
    return [
        *blocks,
        Heading("Missing and unreadable"),
        Table(("what", "reason", "number", "which"), rows),
        Text(said),
    ]


def _identical(facts: Facts) -> list[Block]:
    files = facts.count("identical", "files")
    if files.images == 0:
        return [Text("No two files hold the same bytes.")]
    number = files.mark or f"{facts.identical_groups:,}"
    said = f"{images(files)} files are in {number} groups of files with the same bytes; "
    said += f"{images(facts.count('identical', 'across patients'))} of them in groups of several "
    said += f"patients, {images(facts.count('identical', 'across splits'))} of several splits."
    blocks: list[Block] = [Text(said)]
    if facts.identical:
        blocks.append(Items(tuple(" = ".join(group) for group in facts.identical[:_GROUPS])))
    if len(facts.identical) > _GROUPS:
        blocks.append(Text(f"And {len(facts.identical) - _GROUPS} more groups."))
    return blocks


def _lineage(facts: Facts) -> Pairs:
    pairs = (
        ("Contains", facts.contains),
        ("Part of", facts.part_of),
        ("Contained in", facts.contained_in),
    )
    return Pairs(tuple((name, ", ".join(others) or "none known") for name, others in pairs))


def _terms(facts: Facts) -> Pairs:
    card = facts.card
    return Pairs((("Licence class", _LICENCES[card.licence]), ("Terms", card.terms)))


def _labels(facts: Facts) -> list[Block]:
    card = facts.card
    pairs = [
        ("Labels belong to", f"the {card.labels_belong_to}" if card.labels_belong_to else ""),
        ("Several readers", card.reader_rule),
    ]
    pairs = [(name, value) for name, value in pairs if value]
    blocks: list[Block] = [Pairs(tuple(pairs))] if pairs else []
    if card.labels_belong_to == "study":
        blocks.append(
            Text(
                "Every image of a study has its labels, a lateral one too, which may not show them."
            )
        )
    if card.reads:
        blocks.append(Table(("field", "read from"), card.reads))
    return blocks


def _made() -> list[Block]:
    versions = [f"cxrkit {cxrkit.__version__}"]
    versions += [f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES]
    return [
        Text(
            f"By {', '.join(versions)}. Numbers are counted in the archive's tables, file names "
            "and file headers; files of equal length are compared by their digests; pixels are "
            "read for the pictures alone. The page holds no time, host or path outside the "
            "archive: the same files give the same bytes."
        )
    ]
