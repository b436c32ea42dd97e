"""Labels of a dataset: the archive's own first, its reports where it has none."""

import json

import pytest

from cxrkit import archives
from cxrkit.archives import Card
from cxrkit.pipeline import labels
from cxrkit.records import Record

REPORT = " X\n FINDINGS: No edema.\n IMPRESSION: Small effusion. Mild scoliosis.\n"


def card(belong: str) -> Card:
    return Card("", "", "open", "", "", True, labels_belong_to=belong)  # type: ignore[arg-type]


def test_an_archive_with_labels_keeps_them() -> None:
    record = Record("x", "1", "1.png", labels={"Effusion": 1, "Mass": 1})
    found = labels.of(record, REPORT, card("image"))
    assert (found.first, found.first_from) == ({"Pleural Effusion": 1}, "archive")


def test_a_study_without_a_row_is_not_filled_in() -> None:
    found = labels.of(Record("x", "1", "1.png"), REPORT, card("study"))
    assert (found.first, found.first_from) == ({}, "archive")


def test_an_archive_with_reports_alone_is_labelled() -> None:
    found = labels.of(Record("x", "1", "1.png"), REPORT, card(""))
    assert found.first == {"Edema": 0, "Pleural Effusion": 1}
    assert (found.first_from, found.negbio_from) == ("reports", "reports")
    mimic = Record("x", "0" * 40, "1.png", "10000001", "50000001")
    dashed = "-".join("0" * 8 for _ in range(5))
    mimic = Record("mimic-cxr", dashed, "1.dcm", "10000001", "50000001")
    assert labels.of(mimic, REPORT, card("")).first == {"Pleural Effusion": 1}  # the impression


def test_published_second_labels_win_over_the_reports() -> None:
    record = Record("x", "1", "1.png", extra={"negbio.Edema": "-1.0", "negbio.Fracture": ""})
    found = labels.of(record, REPORT, card("study"))
    assert (found.negbio, found.negbio_from) == ({"Edema": -1}, "archive")


def test_nothing_is_said_of_an_image_without_either() -> None:
    found = labels.of(Record("x", "1", "1.png"), "", card(""))
    assert found == labels.Labels({}, "", {}, "")
    assert json.dumps(dict(found.first)) == "{}"


@pytest.mark.parametrize("name", ["shenzhen", "guangzhou", "chestx-ray14", "chexpert"])
def test_archives_with_labels_say_so(name: str) -> None:
    assert archives.load(name).CARD.labels_belong_to
