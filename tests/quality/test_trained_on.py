"""What a model learnt from: hashes that a test set is held against, and never a plain id."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from made_up_images import record, source

from cxrkit.errors import InputRefused, IntegrityFailure
from cxrkit.quality import groups, leakage, sets, trained_on
from cxrkit.quality.leakage import Finding
from cxrkit.records import Record
from cxrkit.segmentation import SHIPPED

DICOM = "-".join(["0123abcd"] * 5)


def model(folder: Path, *learnt: Record) -> Path:
    """The folder of a model that learnt from these records."""
    table = source(*learnt).table
    text, facts = trained_on.text(table)
    (folder / trained_on.FILE).write_text(text)
    entry = facts | {"sha256": hashlib.sha256(text.encode()).hexdigest()}
    (folder / "card.json").write_text(json.dumps({"task": "segmentation", "trained_on": entry}))
    return folder


def held(folder: Path, *tested: Record) -> dict[str, Finding]:
    found = groups.images([source(*tested)])
    whole = sets.of_sources(found, ["a"])
    findings, _ = leakage.with_model(found, whole, "m", trained_on.read(folder))
    return {f.kind: f for f in findings}


def test_images_and_patients_that_were_learnt_are_found(tmp_path: Path) -> None:
    folder = model(tmp_path, record("x", "a", "p"), record("x", "b", "q"))
    found = held(folder, record("x", "a", "p"), record("x", "c", "p"), record("y", "b", "q"))
    assert (found["trained-image"].images, found["trained-patient"].images) == (1, 2)
    clean = held(folder, record("x", "d", "r"))
    assert {f.verdict for f in clean.values()} == {"none"}


def test_lineage_reaches_through_the_hashes(tmp_path: Path) -> None:
    folder = model(tmp_path, record("mimic-cxr-jpg", DICOM, "10000032"))
    found = held(folder, record("cxlseg", DICOM, "10000032"))
    assert {f.images for f in found.values()} == {1}


def test_what_cannot_be_told_is_not_called_clean(tmp_path: Path) -> None:
    folder = model(tmp_path, record("siim-acr", "1.2.3"))
    nih = held(folder, record("chestx-ray14", "00000001_000", "1"))
    assert {f.verdict for f in nih.values()} == {"not examined"}
    assert "share images under ids" in nih["trained-image"].unexamined
    shenzhen = held(folder, record("shenzhen", "CHNCXR_0001_0", "0001"))
    assert shenzhen["trained-patient"].unexamined == "the model's images name no patient"
    assert shenzhen["trained-image"].verdict == "none"


def test_no_id_stands_there_in_plain_text(tmp_path: Path) -> None:
    text = (model(tmp_path, record("x", "secret-image", "secret")) / trained_on.FILE).read_text()
    assert "secret" not in text
    lines = text.splitlines()
    assert lines[0] == "what,sha256" and lines[1:] == sorted(lines[1:]) and len(lines) == 3
    digest = hashlib.sha256(json.dumps(("image", "x", "secret-image")).encode()).hexdigest()
    assert lines[1] == f"image,{digest}"


@pytest.mark.parametrize("card", [{"task": "report"}, {"trained_on": None}, []])
def test_a_card_that_does_not_say_is_refused(tmp_path: Path, card: Any) -> None:
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(InputRefused, match=r"E102 .*does not say"):
        trained_on.read(tmp_path)


def test_a_changed_or_odd_list_is_refused(tmp_path: Path) -> None:
    folder = model(tmp_path, record("x", "a"))
    with (folder / trained_on.FILE).open("a") as file:
        file.write("image,00\n")
    with pytest.raises(IntegrityFailure, match="E503"):
        trained_on.read(folder)
    (folder / trained_on.FILE).write_text("a\n")
    entry = {"file": trained_on.FILE, "sha256": hashlib.sha256(b"a\n").hexdigest()}
    (folder / "card.json").write_text(json.dumps({"trained_on": entry}))
    with pytest.raises(InputRefused, match="E103"):
        trained_on.read(folder)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_networks_say_what_they_learnt_from(name: str) -> None:
    known = trained_on.read(SHIPPED[name])
    card = json.loads((SHIPPED[name] / "card.json").read_text())
    assert card["trained_on"]["images"] == sum(d["train"] + d["validate"] for d in card["data"])
    assert known.homes == ("covid-chestxray-dataset", "guangzhou", "shenzhen")
