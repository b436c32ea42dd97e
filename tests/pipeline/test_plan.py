from dataclasses import replace
from pathlib import Path

import pytest
from radiographs import fake_archive

from cxrkit.errors import InputRefused, ItemFault, ResourceExhausted
from cxrkit.pipeline import identifiers, plan
from cxrkit.records import Record

ROOT = Path("nowhere")


def records(count: int) -> list[Record]:
    return [Record("made", f"i{n:03d}", f"{n:03d}.png", f"p{n // 3}") for n in range(count)]


def test_views_decide_and_are_counted_by_rule():
    views = ["PA", "AP", "", "LATERAL", "LL", "LATERAL", "Jane Roe"]
    listed = [replace(r, view=v) for r, v in zip(records(7), views, strict=True)]
    strict = plan.survey(fake_archive(listed, blank_view_is_frontal=False), ROOT)
    assert (strict.records, strict.selected) == (7, 2)
    assert strict.skipped == {
        "view-not-frontal:LATERAL": 2,
        "view-not-frontal:LL": 1,
        "view-not-frontal:other": 1,  # a view nobody has seen is not repeated
        "view-unknown": 1,
    }
    lenient = plan.survey(fake_archive(listed), ROOT)
    assert lenient.selected == 3 and "view-unknown" not in lenient.skipped


def test_blocks_are_neighbours_of_a_fixed_number():
    archive = fake_archive(records(70))
    found = list(plan.blocks(archive, ROOT, plan.survey(archive, ROOT), 0))
    assert [(b.index, len(b.items)) for b in found] == [(0, 32), (1, 32), (2, 6)]
    assert [i.record.image for b in found for i in b.items] == [f"{n:03d}.png" for n in range(70)]


def test_images_of_a_patient_share_number_and_split_and_have_their_own_study():
    archive = fake_archive(records(30))
    found = next(plan.blocks(archive, ROOT, plan.survey(archive, ROOT), 0)).items
    for first in range(0, 30, 3):
        group = found[first : first + 3]
        assert len({(i.patient, i.split) for i in group}) == 1
    assert len({i.patient for i in found}) == 10
    assert len({i.study for i in found}) == 30  # no study is known, so each image is its own


def test_identifiers_and_split_do_not_depend_on_the_neighbours():
    archive, fewer = fake_archive(records(30)), fake_archive(records(30)[5:20])
    whole = {
        i.image: i for i in next(plan.blocks(archive, ROOT, plan.survey(archive, ROOT), 0)).items
    }
    part = next(plan.blocks(fewer, ROOT, plan.survey(fewer, ROOT), 0)).items
    assert all(whole[item.image] == item for item in part)


def test_mimic_identifiers_stay_and_are_never_given_to_others(monkeypatch):
    number = identifiers.image_number("made", "x")
    mimic = Record("made", number, "a.png", "10000000", "50000000")
    monkeypatch.setattr(identifiers, "_hash", lambda *words: 0)
    archive = fake_archive([mimic, Record("made", "other", "b.png", "p")])
    first, second = next(plan.blocks(archive, ROOT, plan.survey(archive, ROOT), 0)).items
    assert (first.patient, first.study, first.image) == ("10000000", "50000000", number)
    assert (second.patient, second.study) == ("10000001", "50000001")
    assert first.folder == "p10/p10000000/s50000000"


def test_two_images_with_one_identifier_are_refused():
    twice = [*records(4), replace(records(2)[1], image="z.png")]
    with pytest.raises(InputRefused) as refused:
        plan.survey(fake_archive(twice), ROOT)
    assert refused.value.code == "E103" and refused.value.path == "001.png"


def test_a_list_that_changes_between_the_two_walks_is_refused():
    archive = fake_archive(records(5))
    survey = plan.survey(archive, ROOT)
    for changed in (records(6), records(4), [replace(r, sex="F") for r in records(5)]):
        with pytest.raises(InputRefused) as refused:
            list(plan.blocks(fake_archive(changed), ROOT, survey, 0))
        assert refused.value.code == "E207"


def test_an_archive_that_can_no_longer_be_listed_is_gone():
    archive = fake_archive(records(5))
    survey = plan.survey(archive, ROOT)

    def unmounted(root: Path) -> None:
        raise InputRefused("E101", str(root), "no folder", "a folder", "give one")

    archive.records = unmounted
    with pytest.raises(ResourceExhausted) as failure:
        list(plan.blocks(archive, ROOT, survey, 0))
    assert failure.value.code == "E202" and "still mounted" in failure.value.remedy


def test_the_digest_sees_labels_and_extra_columns():
    one = plan.survey(fake_archive(records(3)), ROOT).digest
    labelled = [replace(r, labels={"Edema": 1}) for r in records(3)]
    other = [replace(r, extra={"StudyDate": "1"}) for r in records(3)]
    digests = {one, *(plan.survey(fake_archive(x), ROOT).digest for x in (labelled, other))}
    assert len(digests) == 3
    assert plan.survey(fake_archive(records(3)), ROOT).digest == one


def test_reports_are_there_when_one_is():
    archive = fake_archive(records(3))
    assert not plan.survey(archive, ROOT).reports
    archive.report = lambda root, record: None
    assert not plan.survey(archive, ROOT).reports
    archive.report = lambda root, record: "text" if record.image_id == "i002" else None
    assert plan.survey(archive, ROOT).reports

    def unreadable(root: Path, record: Record) -> str:
        raise ItemFault("E201", "x", "no", "yes", "do")

    archive.report = unreadable
    assert plan.survey(archive, ROOT).reports


def test_an_empty_list_is_refused() -> None:
    """A wrong folder must not end in a whole dataset of nothing."""
    with pytest.raises(InputRefused, match=r"E101 .*not one image is listed"):
        plan.survey(fake_archive([]), ROOT)
