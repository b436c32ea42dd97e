"""No count of fewer than 11 people can be told from what a restricted archive's card prints."""

import dataclasses
import itertools

import numpy as np
import pytest
from made_up_cards import facts_of, printed, table, tables

from cxrkit.cards import unprinted
from cxrkit.cards.counts import IMAGES, Count, Line, Tally
from cxrkit.cards.disclosure import FEW, LEAST, OPEN, WITHHELD, protected
from cxrkit.records import Record

VIEWS = ("PA", "AP", "LATERAL", "RL")
STATES = ("present", "absent", "uncertain", "not mentioned")


def one_way(*people: int, total: bool = True) -> dict[str, Count]:
    """The shown counts of parts with so many people, an image each, and of their sum."""
    counts = {("part", str(n)): Count(p, p) for n, p in enumerate(people)}
    line = Line(tuple(counts), (IMAGES,))
    counts[IMAGES] = Count(sum(people), sum(people))
    return {key[-1]: count for key, count in protected(counts, [line]).items()}


def test_a_count_of_few_people_and_the_next_smallest_are_withheld() -> None:
    shown = one_way(500, 4, 60, 90)
    assert shown["1"] == Count(None, None, FEW)
    assert shown["2"] == Count(None, None, WITHHELD)
    assert shown["0"] == Count(500, 500) and shown["3"] == Count(90, 90)
    assert shown["images"] == Count(654, 654)


def test_a_count_that_would_leave_few_numbers_open_is_not_enough() -> None:
    """With 11 withheld beside a 1, the sum 12 would say: 1 and 11."""
    shown = one_way(500, 1, 11, 90)
    assert [key for key in shown if shown[key].mark == WITHHELD] == ["2", "3"]


def test_two_counts_of_one_person_are_not_told_by_their_sum() -> None:
    assert one_way(1, 1, 300)["2"].mark == WITHHELD


def test_where_no_part_is_left_the_sum_is_withheld() -> None:
    shown = one_way(10, 10)
    assert shown["images"].mark == WITHHELD


def test_zero_eleven_and_a_lone_count_are_shown() -> None:
    assert [c.mark for c in one_way(0, 11, 30).values()] == ["", "", "", ""]
    assert one_way(3)["0"].mark == one_way(3)["images"].mark == FEW


def test_people_decide_and_not_images() -> None:
    counts = {("a",): Count(60, 8), ("b",): Count(9, 9), ("c",): Count(12, 11)}
    shown = protected(counts, [])
    assert [shown[key].mark for key in counts] == [FEW, FEW, ""]


def test_a_sum_that_another_sum_gives_away_does_not_count() -> None:
    """A single part is the whole: withholding the whole alone would be no protection."""
    parts = {("a",): Count(4, 4), ("b",): Count(12, 12)}
    counts = {**parts, ("kind",): Count(16, 16), IMAGES: Count(16, 16)}
    lines = [Line(tuple(parts), (IMAGES,)), Line((("kind",),), (IMAGES,))]
    shown = protected(counts, lines)
    assert shown["a",].mark == FEW and shown["b",].mark == WITHHELD
    assert possible(shown, lines, ("a",)) >= OPEN


def possible(shown, lines, wanted, most: int = 40) -> int:
    """How many numbers of people a small system leaves open for one count, by trying them all."""
    unknown = [key for key, count in shown.items() if count.mark]
    ranges = [range(1, 11) if shown[k].mark == FEW else range(11, most) for k in unknown]
    found = set()
    for values in itertools.product(*ranges):
        guess = dict(zip(unknown, values, strict=True))
        value = {k: guess.get(k, c.people) for k, c in shown.items()}
        if all(sum(value[k] for k in li.parts) == sum(value[k] for k in li.wholes) for li in lines):
            found.add(guess[wanted])
    return len(found)


@pytest.mark.parametrize("seed", range(30))
def test_every_one_way_table_leaves_few_people_open(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = rng.choice([0, 1, 2, 5, 10, 11, 12, 14], 4).tolist()
    counts = {("part", str(n)): Count(p, p) for n, p in enumerate(people)}
    line = Line(tuple(counts), (IMAGES,))
    counts[IMAGES] = Count(sum(people), sum(people))
    shown = protected(counts, [line])
    if all(shown[key].mark for key in counts if counts[key].people):
        return  # nothing is shown at all
    for key in counts:
        if shown[key].mark == FEW:
            assert possible(shown, [line], key, 40) >= OPEN, (people, shown)


def population(seed: int, patients: int) -> list[Record]:
    """Records of patients with one to four images; rare labels, views and splits among them."""
    rng = np.random.default_rng(seed)
    listed = []
    for patient in range(patients):
        split = ("train", "train", "train", "validate", "test")[int(rng.integers(5))]
        sex = "FM"[int(rng.random() < 0.55)]
        for _ in range(int(rng.integers(1, 5))):
            labels = {
                name: (1, 0, -1)[int(rng.choice(3, p=[0.5, 0.4, 0.1]))]
                for name, share in (("Common", 0.7), ("Seldom", 0.15), ("Rare", 0.04))
                if rng.random() < share
            }
            number = f"{len(listed):05d}"
            listed.append(
                Record(
                    archive="made-up", image_id=number, image=f"{number}.png",
                    patient_id=f"p{patient}", split=split, sex=sex,
                    age=float(rng.integers(0, 96)),
                    view=VIEWS[int(rng.choice(4, p=[0.5, 0.3, 0.18, 0.02]))],
                    labels=labels,
                )
            )  # fmt: skip
    return listed


class Attack:
    """Linear programmes over what a page prints: the range that each withheld number can have."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.bounds: list[tuple[float, float | None]] = []
        self.sums: list[tuple[dict[int, float], float, bool]] = []

    def number(self, name: str, cell: str, people: bool) -> tuple[int | None, float]:
        """The variable behind a cell, or the number in it."""
        if cell not in (FEW, WITHHELD):
            return None, float(cell.replace(",", ""))
        if name not in self.names:
            self.names.append(name)
            self.bounds.append((1, LEAST - 1 if people else None) if cell == FEW else (LEAST, None))
        return self.names.index(name), 0.0

    def add(self, parts, whole, people: bool, exact: bool = True) -> None:
        """Parts and their sum, each a name and the cell that is printed; `exact`: =, else >=."""
        row: dict[int, float] = {}
        right = 0.0
        for sign, cells in ((1, parts), (-1, [whole])):
            for name, cell in cells:
                place, value = self.number(name, cell, people)
                if place is None:
                    right -= sign * value
                else:
                    row[place] = row.get(place, 0) + sign
        if row:
            self.sums.append((row, right, exact))

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Least and most of every withheld number."""
        linprog = pytest.importorskip("scipy.optimize").linprog
        exact = [(row, right) for row, right, is_exact in self.sums if is_exact]
        loose = [(row, right) for row, right, is_exact in self.sums if not is_exact]
        found = {}
        for place, name in enumerate(self.names):
            ends = []
            for sign in (1, -1):
                cost = np.zeros(len(self.names))
                cost[place] = sign
                done = linprog(
                    cost,
                    A_eq=self._matrix(exact), b_eq=[r for _, r in exact] or None,
                    A_ub=None if not loose else -self._matrix(loose),
                    b_ub=[-r for _, r in loose] or None,
                    bounds=self.bounds,
                )  # fmt: skip
                assert done.status in (0, 3), done.message
                ends.append(sign * done.fun if done.status == 0 else -sign * np.inf)
            found[name] = (ends[0], ends[1])
        return found

    def _matrix(self, rows):
        matrix = np.zeros((len(rows), len(self.names)))
        for n, (row, _) in enumerate(rows):
            for place, factor in row.items():
                matrix[n, place] = factor
        return matrix if len(rows) else None


def attack(markdown: str) -> Attack:
    """Every sum that a reader of the page knows, over its labels, splits, views and sexes."""
    found = Attack()
    (meta,) = table(markdown, "Dimensions")
    total = ("all images", meta["Data Volume"])
    splits = {row["split"]: row for row in table(markdown, "split", "images")}
    crossing = "No patient is in more than one split" in markdown
    found.add([(f"split {s}", r["images"]) for s, r in splits.items()], total, False)
    states = table(markdown, "label", "split", "present")
    of = {(row["label"], row["split"]): row for row in states}
    for (label, split), row in of.items():
        whole = total if split == "all" else (f"split {split}", splits[split]["images"])
        found.add([(f"{label} {split} {s}", row[s]) for s in STATES], whole, False)
    for label in {label for label, _ in of}:
        for state in STATES:
            for column, people in ((state, False), (f"{state}, patients", True)):
                named = [(f"{label} {s} {column}", of[label, s][column]) for s in splits]
                whole = (f"{label} all {column}", of[label, "all"][column])
                found.add(named, whole, people, exact=not people or crossing)
    for header, rows in tables(markdown):
        if header[0] == "label" and header[1] != "split":
            for row in rows:
                label = row.pop("label")
                whole = total
                if label != "all images":
                    whole = (f"{label} all present", of[label, "all"]["present"])
                found.add([(f"{label} {c}", cell) for c, cell in row.items()], whole, False)
    for _, rows in (t for t in tables(markdown) if t[0] == ["file", "images"]):
        found.add([(f"file {row['file']}", row["images"]) for row in rows], total, False)
    return found


@pytest.mark.parametrize(("seed", "patients"), [(1, 60), (2, 120), (3, 400), (4, 1500)])
def test_no_withheld_number_can_be_computed_from_the_printed_card(seed: int, patients: int) -> None:
    markdown = printed(facts_of(population(seed, patients), "credentialed"))
    found = attack(markdown)
    ranges = found.ranges()
    few = [n for n, bound in zip(found.names, found.bounds, strict=True) if bound[0] == 1]
    assert len(few) > 5 and FEW in markdown and WITHHELD in markdown
    told = {name: ranges[name] for name in few if ranges[name][1] - ranges[name][0] < OPEN - 1}
    assert told == {}


@pytest.mark.parametrize(("seed", "patients"), [(6, 80), (7, 200), (8, 600)])
def test_no_difference_of_few_people_can_be_computed(seed: int, patients: int) -> None:
    """Images of a view, sex or age less those where a label is present: 1 to 10 people are left."""
    small, told = differences(seed, patients)
    assert small > 3 and told == {}


def test_the_attack_sees_differences_that_are_not_looked_after(monkeypatch) -> None:
    monkeypatch.setattr(unprinted, "not_present", lambda *_: Tally())
    assert differences(8, 600)[1] != {}


def differences(seed: int, patients: int) -> tuple[int, dict[str, tuple[float, float]]]:
    """How many differences are of 1 to 10 people, and the ranges of those that are told."""
    listed = [
        dataclasses.replace(r, labels=r.labels | usual(r)) for r in population(seed, patients)
    ]
    markdown = printed(facts_of(listed, "credentialed"))
    found, small = attack(markdown), []
    for header, rows in tables(markdown):
        if header[0] != "label" or header[1] == "split":
            continue
        (every,) = [row for row in rows if row["label"] == "all images"]
        for row, name in itertools.product(rows, header[1:]):
            label = row["label"]
            if label == "all images" or not 0 < lacking(listed, label, name) < LEAST:
                continue
            rest = f"{label} {name} not present"
            found.names.append(rest)
            found.bounds.append((0, None))
            parts = [(f"{label} {name}", row[name]), (rest, FEW)]
            found.add(parts, (f"all images {name}", every[name]), False)
            small.append(rest)
    ranges = found.ranges()
    told = {n: ranges[n] for n in small if ranges[n][1] - ranges[n][0] < OPEN - 1}
    return len(small), told


def usual(record: Record) -> dict[str, int]:
    """A label that nearly all images have; the others are few in every view."""
    return {"Usual": 1} if int(record.image_id) % 19 else {}


def lacking(listed: list[Record], label: str, name: str) -> int:
    """People of whom an image of that view, sex or age band lacks the label."""
    return len({r.patient_id for r in listed if r.labels.get(label) != 1 and in_group(r, name)})


def in_group(record: Record, name: str) -> bool:
    if name in (record.view, record.sex):
        return True
    low, _, high = name.replace("+", "-1000").partition("-")
    return low.isdigit() and int(low) <= record.age <= int(high or low)


def test_the_attack_sees_a_card_that_withholds_only_the_few(monkeypatch) -> None:
    """The check can fail: without complementary suppression sums give the numbers away."""
    from cxrkit.cards import disclosure

    def naive(counts, lines):
        few = {k for k, c in counts.items() if 0 < c.people < LEAST}
        return {k: Count(None, None, FEW) if k in few else c for k, c in counts.items()}

    monkeypatch.setattr(disclosure, "protected", naive)
    ranges = attack(printed(facts_of(population(3, 400), "credentialed"))).ranges()
    assert any(most - least < 1e-6 for least, most in ranges.values())


def test_no_number_of_fewer_than_eleven_people_is_printed() -> None:
    """Every number in the tables of counts is zero or at least 11."""
    markdown = printed(facts_of(population(5, 90), "registered"))
    for header, rows in tables(markdown):
        if header[0] in ("label", "Category", "split", "images of a patient", "file"):
            for row in rows:
                cells = [cell for name, cell in row.items() if name not in (header[0], "split")]
                assert all(
                    c in (FEW, WITHHELD, "0") or int(c.replace(",", "")) >= 11 for c in cells
                )


def test_an_open_archive_shows_small_numbers() -> None:
    markdown = printed(facts_of(population(5, 90), "open"))
    assert FEW not in markdown and WITHHELD not in markdown
