"""What would the radiologist have dictated? A report, and what a careful reader takes from it.

The sentences are rows of `dictation_sentences.tsv`, with the words marked that speak of an
observation and their state. What the picture shows is always said to be present, and nothing else
is; the rest is denied, left out or, more rarely, doubted, remembered, resolved or explained away.
"""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal

import numpy as np

from cxrkit.phantom import dictation_layout as layout
from cxrkit.phantom.dictation_marks import Mark, Marked, aggregated, joined, marked, misspelt
from cxrkit.phantom.findings_lungs import nodule_radius
from cxrkit.phantom.subject import DEVICES, Subject

Mention = tuple[int, int, str, str]
Style = Literal["mimic", "hospital"]
MISPRINTS = 0.003  # of the words of six and more letters
CAN_BE = ("absent", "uncertain", "past", "gone", "explained", "present")
# What a picture with the finding shows: each is present in its report, and no other observation.
# Observations lie in one another as CheXpert's do (Irvin 2019, arXiv:1901.07031, figure 1): a
# pneumonia is a consolidation, and that is an opacity.
SHOWN: dict[str, tuple[str, ...]] = {
    "effusion": ("Pleural Effusion",),
    "pneumothorax": ("Pneumothorax",),
    "consolidation": ("Consolidation", "Lung Opacity"),
    "cardiomegaly": ("Cardiomegaly",),
    "nodule": ("Lung Lesion",),
    "edema": ("Edema",),
    "fracture": ("Fracture",),
    "atelectasis": ("Atelectasis",),
    "opacity": ("Lung Opacity",),
    "pneumonia": ("Pneumonia", "Consolidation", "Lung Opacity"),
    "mediastinum": ("Enlarged Cardiomediastinum",),
    "pleura": ("Pleural Other",),
    **dict.fromkeys(DEVICES, ("Support Devices",)),
}
# What is said of each finding that the picture does not show; the rest is not mentioned. Who sees
# something is in doubt about more: of pictures without a finding few words are uncertain, and what
# lies outside the 14 observations, which is not drawn, is not said of them. Shares set by eye.
UNSEEN = {"absent": 0.6, "uncertain": 0.04, "past": 0.03, "gone": 0.03, "explained": 0.035}
HEALTHY = UNSEEN | {"uncertain": 0.003}
BESIDES = 0.08  # how often an abnormality outside the 14 is seen beside a finding
LUNG = frozenset({"Consolidation", "Pneumonia", "Atelectasis", "Lung Opacity", "Lung Lesion",
                  "Edema"})  # fmt: skip
LONG_LIST = 4  # more findings than this are not the subject of one sentence
REASONS = ("cough", "shortness of breath", "chest pain", "fever", "a fall", "preoperative request",
           "cough, evaluate for [pneumonia|PN?]", "dyspnea, assess for [effusion|PE?]",
           "pain, rule out [pneumothorax|PX?]", "history of [pneumonia|PN~]")  # fmt: skip
ADDENDA = (
    "These findings were discussed with Dr. ___ by telephone on ___ at ___.",
    "On review with Dr. ___, a [nodule|LL?] at the apex cannot be excluded.",
    "The wet read of no [pneumothorax|PX0] was confirmed by Dr. ___.",
)
SIZES = {
    "size": (("small", "small", "tiny", "minimal"), ("moderate",), ("large", "large", "extensive")),
    "grade": (("mild", "mild", "slight"), ("moderate",), ("severe", "marked")),
    "gradely": (("mildly", "slightly"), ("moderately",), ("severely", "markedly")),
}


@dataclass(frozen=True)
class Dictation:
    """A report and the truth about it, as a careful reader takes it from the words.

    `labels` are the observations (names of `terms.OBSERVATIONS`) of the text that is labelled,
    `text[labelled[0]:labelled[1]]`. `mentions` are all places (start, end, observation, state) of
    the whole text, with the state present, absent, uncertain or historical; what was resolved or
    removed is absent. An observation that was explained as something else is not among them.
    """

    text: str
    labels: dict[str, int]
    mentions: tuple[Mention, ...] = ()
    labelled: tuple[int, int] = (0, 0)


def dictate(
    subject: Subject, views: Sequence[str], rng: np.random.Generator, style: Style = "mimic"
) -> Dictation:
    """The report of one study, `___` where a detail was removed.

    Args:
        subject: whose findings are described.
        views: View Position of each image, in order; "" for unknown.
        rng: chooses what is said and how. Nothing is drawn from it but from a child of it, so that
            what the caller draws next does not depend on the report.
        style: "mimic", MIMIC-CXR's layout, or "hospital", one of several others.
    """
    own = rng.spawn(1)[0]
    spoken = _speak(subject, views, own)
    lay = layout.mimic if style == "mimic" else layout.hospital
    whole, labelled = lay(spoken, own)
    read = [m for m in whole.marks if labelled[0] <= m.start and m.end <= labelled[1]]
    return Dictation(whole.text, aggregated(read), _mentions(whole.marks), labelled)


def _mentions(marks: Iterable[Mark]) -> tuple[Mention, ...]:
    return tuple(
        (m.start, m.end, m.observation, m.state)
        for m in marks
        if m.observation and m.state != "explained"
    )


def _speak(subject: Subject, views: Sequence[str], rng: np.random.Generator) -> layout.Spoken:
    """What is said, in findings and impression: the same states, in other words."""
    plan = _plan(subject, rng)
    terse = rng.random() < 0.12
    long, short = _told(plan, subject, rng, terse)
    marks = [m for s in [*long, *short] for m in s.marks]
    said = {m.observation for m in marks if m.state != "historical"}
    abnormal = {m.observation for m in marks if m.state in ("present", "uncertain")}
    denied = [name for name, kind in plan.items() if kind == "absent" and not said & _of(name)]
    clear = not abnormal & LUNG
    findings = [*long, *_denials(denied, rng, clear, terse)]
    if rng.random() < 0.3:
        findings.append(_say("other", "quiet", subject, rng))
    impression = [*short]
    if not abnormal - {"Support Devices"}:
        kinds = ("clear",) if marks else ("clear", "normal")
        impression.append(_say("other", _choose(kinds, rng), subject, rng))
    if denied and rng.random() < 0.65:
        few = denied[: 1 + int(rng.integers(len(denied)))]
        impression += _denials(few, rng, clear, terse=True)
    body = joined([findings[int(k)] for k in rng.permutation(len(findings))], " ")
    addendum = _choose(ADDENDA, rng) if rng.random() < 0.04 else None
    return layout.Spoken(
        examination=_technique(views),
        person=f"___ year old {'woman' if subject.sex == 'F' else 'man'}",
        reason=marked(_choose(REASONS, rng)),
        findings=misspelt(body if findings else impression[0], MISPRINTS, rng),
        impression=tuple(misspelt(item, MISPRINTS, rng) for item in impression),
        addendum=None if addendum is None else marked(addendum),
    )


def _told(
    plan: dict[str, str], subject: Subject, rng: np.random.Generator, terse: bool
) -> tuple[list[Marked], list[Marked]]:
    """All but the denials, as sentences of the findings and of the impression.

    What is not in the picture is left out where an earlier sentence spoke of the same observation,
    so that a report does not contradict itself; a device can be gone beside another.
    """
    long: list[Marked] = []
    short: list[Marked] = []
    said: set[str] = set()
    for name, kind in plan.items():
        if kind == "absent":
            continue
        first = _say(name, "brief" if terse and kind == "present" else kind, subject, rng)
        second = _say(name, "brief" if kind == "present" else kind, subject, rng)
        here = {m.observation for m in (*first.marks, *second.marks)} - {"Support Devices"}
        if name in subject.findings or not here & said:
            long.append(first)
            short.append(second)
            said |= here
    return long, short


def _plan(subject: Subject, rng: np.random.Generator) -> dict[str, str]:
    """The kind of sentence for each finding, in random order; not mentioned ones are left out."""
    known = dict.fromkeys(name for name, kind in _table() if kind in CAN_BE)
    names = [name for name in known if name not in ("list", "other")]
    plan = dict.fromkeys(subject.findings, "present")
    ill = _ill(subject)
    shares = UNSEEN if ill else HEALTHY
    kinds = [*shares, ""]
    for name in (names[int(k)] for k in rng.permutation(len(names))):
        kind = kinds[int(rng.choice(len(kinds), p=[*shares.values(), 1 - sum(shares.values())]))]
        possible = _rows(name, kind, subject) or (kind == "absent" and (name, "noun") in _table())
        if name not in plan and possible:
            plan[name] = kind
    if rng.random() < BESIDES and ill:
        plan["other"] = "present"
    return plan


def _ill(subject: Subject) -> bool:
    """Whether the picture shows more than devices."""
    return bool(set(subject.findings) - set(DEVICES))


def _denials(
    names: Sequence[str], rng: np.random.Generator, clear: bool, terse: bool
) -> list[Marked]:
    """Sentences that deny all the findings, some of them in one list.

    `clear`: the lungs may be called so. `terse`: the list has no verb.
    """
    table = _table()
    listed = [name for name in names if (name, "noun") in table and rng.random() < 0.6]
    alone = [name for name in names if name not in listed and (name, "absent") in _table()]
    listed = [name for name in names if name not in alone]
    out = [marked(_choose(_fitting(table[name, "absent"], clear, 1), rng)) for name in alone]
    if listed:
        nouns = [_choose(table[name, "noun"], rng) for name in listed]
        rows = _fitting(table["list", "brief" if terse else "absent"], clear, len(nouns))
        every = _listed(nouns, rng)
        out.append(marked(_choose(rows, rng).format(list=every, List=_capital(every))))
    return out


def _fitting(rows: Sequence[str], clear: bool, count: int) -> list[str]:
    """The rows without those that call sick lungs clear or begin with a long list."""
    return [
        row
        for row in rows
        if (clear or "lungs are clear" not in row)
        and (count <= LONG_LIST or not row.startswith("{List}"))
    ]


def _listed(nouns: Sequence[str], rng: np.random.Generator) -> str:
    """ "A", "A or B", "A, B or C", "A, B, or C"."""
    if len(nouns) == 1:
        return nouns[0]
    link = (" or ", ", or ")[int(rng.integers(2)) if len(nouns) > 2 else 0]
    return ", ".join(nouns[:-1]) + link + nouns[-1]


def _say(name: str, kind: str, subject: Subject, rng: np.random.Generator) -> Marked:
    """A sentence of the kind about the finding, with the subject's side and size filled in."""
    third = min(int(subject.extent * 3), 2)
    words = {key: _choose(ranks[third], rng) for key, ranks in SIZES.items()}
    words |= {"side": subject.side, "millimetres": str(round(2 * nodule_radius(subject.extent)))}
    words |= {key.capitalize(): word.capitalize() for key, word in words.items()}
    return marked(_choose(_rows(name, kind, subject), rng).format(**words))


def _choose(variants: Sequence[str], rng: np.random.Generator) -> str:
    return variants[int(rng.integers(len(variants)))]


def _capital(text: str) -> str:
    """The text with its first letter as a capital, behind an opening bracket too."""
    return text[:2].upper() + text[2:] if text[0] == "[" else text[0].upper() + text[1:]


@functools.cache
def _of(name: str) -> frozenset[str]:
    """The observations that a denial of the finding may name."""
    rows = [*_table().get((name, "noun"), ()), *_table().get((name, "absent"), ())]
    return frozenset(m.observation for row in rows for m in marked(row).marks)


def _rows(name: str, kind: str, subject: Subject) -> list[str]:
    """The sentences of the kind about the finding that say nothing to be present but what is."""
    shown = {o for found in subject.findings for o in SHOWN[found]}
    shown |= {""} if _ill(subject) else set()
    rows = _table().get((name, kind)) or (_table()[name, "present"] if kind == "brief" else ())
    return [row for row in rows if _present(row) <= shown]


@functools.cache
def _present(row: str) -> frozenset[str]:
    """The observations that a sentence says to be present."""
    return frozenset(m.observation for m in marked(row).marks if m.state == "present")


@functools.cache
def _table() -> dict[tuple[str, str], tuple[str, ...]]:
    """Sentences by finding and kind, in the order of the table."""
    file = resources.files(__package__) / "dictation_sentences.tsv"
    out: dict[tuple[str, str], tuple[str, ...]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, kind, text = line.split("\t")
            out[name, kind] = (*out.get((name, kind), ()), text)
    return out


def _technique(views: Sequence[str]) -> str:
    if any(v in ("LATERAL", "LL") for v in views):
        return "CHEST (PA AND LAT)" if "PA" in views else "CHEST (AP AND LAT)"
    return "CHEST (PORTABLE AP)" if "AP" in views else "CHEST (SINGLE VIEW)"
