"""The same claims as other people write them get the same verdicts."""

import importlib
from pathlib import Path

import pytest
from test_audit import audited, guangzhou, shenzhen, siim

from cxrkit.cards.audit import Verdict


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three archives of empty files with the published counts."""
    root = tmp_path_factory.mktemp("trees")
    shenzhen(root / "shenzhen")
    guangzhou(root / "guangzhou")
    siim(root / "siim-acr")
    return root


def answers(verdicts: list[Verdict], kind: str = "") -> set[str]:
    return {v.answer for v in verdicts if kind in ("", v.statement.kind)}


def table(*rows: str) -> str:
    """A pipe table from rows such as "a | b"; the first is the heading."""
    width = rows[0].count("|") + 1
    return "\n".join([f"| {rows[0]} |", "|---" * width + "|", *(f"| {r} |" for r in rows[1:])])


SAID = [
    # Shenzhen: as bullets, keys, tables and sentences.
    ("shenzhen", "- Size: 662 radiographs\n- **TB:** 336\n- Normal: 326", {"true"}),
    ("shenzhen", "Dataset size: 566", {"false"}),
    ("shenzhen", "Coverage: 100 %", {"false"}),
    ("shenzhen", "Every one of the 662 X-rays has a mask.", {"false"}),
    ("shenzhen", "For each of the images an outline of the lungs is included.", {"false"}),
    ("shenzhen", "The lungs are outlined in all images.", {"false"}),
    ("shenzhen", "Anatomical structure: Tuberculosis", {"false"}),
    ("shenzhen", "Structure: Lung\n\nAnatomical area: Chest", {"true"}),
    ("shenzhen", table("Field | Entry", "Body region | Lung"), {"false"}),
    ("shenzhen", "train:val:test = 8:1:1", {"false"}),
    ("shenzhen", table("Data volume | 566", "Normal | 326"), {"true", "false"}),
    ("shenzhen", table("Class | n | %", "TB | 336 | 50.8", "Normal | 326 | 49.2",
                       "Sum | 662 | 100"), {"true"}),
    ("shenzhen", table("Class | n | %", "TB | 336 | 58.0", "Normal | 326 | 42.0",
                       "Sum | 662 | 100"), {"true", "false"}),
    ("shenzhen", "336 TB + 326 normal", {"true"}),
    ("shenzhen", "Resolution: 989x1225 (min), 3001x3001 (max)", {"true"}),
    ("shenzhen", "Resolution: from (989, 1225) to (3001, 3001) pixels", {"true"}),
    ("shenzhen", "smallest / largest image: 989x1225 / 3001x3002", {"true", "false"}),
    ("shenzhen", table(" | min | max", "size | 989x1225 | 3001x2991"), {"true", "false"}),
    ("shenzhen", "Males: 442", {"unverifiable"}),  # the copy has no readings
    ("shenzhen", "336 of the 662 images show tuberculosis.", {"true"}),
    ("shenzhen", "340 of the 662 images are used.", {"true", "unverifiable"}),
    ("shenzhen", "Montgomery: 58 TB + 80 normal", {"true"}),
    ("shenzhen", "Montgomery: 80 TB + 58 normal", {"true", "false"}),  # their sum is right
    # Guangzhou: other separators of thousands, dates, suffixes.
    ("guangzhou", table("Split | NORMAL | PNEUMONIA | Total", "train | 1 341 | 3 875 | 5 216",
                        "val | 8 | 8 | 16", "test | 234 | 390 | 624",
                        "all | 1 583 | 4 273 | 5 856"), {"true"}),
    ("guangzhou", table(" | Train | Val | Test", "NORMAL | 1,341 (25.7 %) | 8 (50 %) | 234",
                        "PNEUMONIA | 3,875 (74.3 %) | 8 (50 %) | 390 (62.5 %)"), {"true"}),
    ("guangzhou",
     table(" | Train | Val", "NORMAL | 1,341 (35.7 %) | 8 (50 %)",
           "PNEUMONIA | 3,875 (74.3 %) | 8 (50 %)"), {"true", "false", "unverifiable"}),
    ("guangzhou", "Images: **5,863** ([source](https://example.org))", {"false"}),
    ("guangzhou", "Extension: `.jepg`", {"false"}),
    ("guangzhou", table("key | value", "File type | jpeg"), {"true"}),
    ("guangzhou", "All files are in .jepg format.", {"false"}),
    ("guangzhou", "Normal: 1,583 (27.03 %). Pneumonia: 4,273 (72.97 %).", {"true"}),
    *(("guangzhou", f"{key} {date}", {"false"}) for key, date in (
        ("Published on", "4 July 2022"), ("Release date:", "2022/07/04"),
        ("Date of publication:", "Jul 4, 2022"), ("Date published:", "04.07.2022"))),
    ("guangzhou", "Homepage: www.heywhale.com/mw/dataset", {"false"}),
    ("guangzhou", "In the literature, 5,863 images are often quoted.", {"unverifiable"}),
    ("guangzhou", "Patients have 1 to 30 images.", set()),
    # SIIM-ACR: all of it is right, whichever way it stands.
    ("siim-acr", "All 12047 radiographs of train and test of stage 1.", {"true"}),
    ("siim-acr", "Of these, 9,378 (77.85 %) show no pneumothorax.", {"true", "unverifiable"}),
    ("siim-acr", "**Positive:** 2,669 \u00b7 **Negative:** 9,378", {"true"}),
    ("siim-acr", table("Split | Pneumothorax | No pneumothorax | All",
                       "Images | 2669 (22.15%) | 9378 (77.85%) | 12047 (100%)"), {"true"}),
    ("siim-acr", table(" | No. | Percentage", "no pneumothorax | 9,378 | 77.85 %",
                       "pneumothorax | 2,669 | 22.15 %"), {"true"}),
    ("siim-acr", "- Images: 12,047\n- With pneumothorax: 2,669 (22.15 %)\n"
                 "- Without pneumothorax: 9,378 (77.85 %)", {"true"}),
    ("siim-acr", "- Images: 12,047\n- With pneumothorax: 2,669 (23.15 %)\n"
                 "- Without pneumothorax: 9,378 (76.85 %)", {"true", "false"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "card", "expected"), SAID, ids=lambda v: str(v)[:40])
def test_a_claim_gets_its_verdict_in_every_form(
    name: str, card: str, expected: set[str], trees: Path
) -> None:
    verdicts = audited(f"# {name} data\n\n{card}\n", name, trees / name)
    assert answers(verdicts) == expected, [(v.statement.text, v.answer, v.found) for v in verdicts]


NIH = [
    # The sizes of the splits against the words and against the number of images.
    ("112,120 images were split into 70 % train, 20 % valid and 10 % test.\n\n"
     + table("Split | Images", "train | 78,467", "test | 22,432", "valid | 11,218"),
     [("ratio", "false"), ("sum", "false")]),
    (table(" | Train | Test | Valid | Sum", "Images | 78467 | 22432 | 11218 | 112117",
           "Share | 70 % | 20 % | 10 % | 100 %"), [("sum", "true"), ("count", "false")]),
    (table(" | train | valid | test", "Images | 78 467 | 11 218 | 22 432",
           "Percentage | 70 | 20 | 10"), [("sum", "false"), ("percentage", "false")]),
    ("Total images: 112,120 (train 78,467; test 22,432; valid 11,218)", [("sum", "false")]),
    ("train/valid/test = 70/20/10; 78,467 train, 22,432 test and 11,218 valid images.",
     [("ratio", "false")]),
    ("- Unique subjects: 32717", [("count", "false")]),
    ("Number of patients = 30,805", [("count", "true")]),
    *((text, [("overlap", "false")]) for text in (
        "Both official splits (image-wise and patient-wise) are free of patient overlap.",
        "Neither official split (by image, by patient) shares patients between train and test.",
        "Patients do not overlap in either split, the random image split or that by patient.")),
    ("No patient of the official lists is in both sets.", [("overlap", "true")]),
    ("It is unknown whether patients overlap; no check of the splits was made.", []),
    ("Nodule: 6,323; Hernia: 227", [("count", "false"), ("count", "true")]),
    (table("Dataset | Images | Labels", "NIH ChestX-ray14 | 112,120 | 14",
           "CheXpert | 224,316 | 14"),
     [("count", "true"), ("categories", "true")]),
    ("- studies of MIMIC-CXR: 227,943\n- reports of MIMIC-CXR: 227,835",
     [("count", "false"), ("count", "true")]),
    ("63,340 images are of men (56.5 %).", [("count", "true")]),
    ("112,120 images of 30,805 patients: 86,524 for train+val and 25,596 for testing.",
     [("count", "true")]),
]  # fmt: skip


@pytest.mark.parametrize(("card", "expected"), NIH, ids=lambda v: str(v)[:40])
def test_splits_and_patients_of_the_nih_in_other_words(
    card: str, expected: list[tuple[str, str]], real_data: Path
) -> None:
    verdicts = audited(
        f"# NIH ChestX-ray14\n\n{card}\n", "chestx-ray14", real_data / "chestx-ray14"
    )
    told = {(v.statement.kind, v.answer) for v in verdicts}
    assert set(expected) <= told, told
    if not any(answer == "false" for _, answer in expected):
        assert "false" not in answers(verdicts)


CXLSEG = [
    (table("Metric | Abstract | Text", "Dice | 96.80 % | 96.03 %", "IoU | 91.97 % | 91.97 %"), 4),
    ("- Dice: 0.968\n- IoU: 0.9197", 2),
    ("Ten folders together contain 6500 sub-folders, one per patient.", 1),
    ("There are 10 folders with 6500 subfolders each.", 0),
    ("Pattern: `<subject_id>/<study_id>/<dicom_id>.jpg`", 1),
    ("V7: 1,602 normal, 4,250 pneumonia, 439 COVID-19", 1),
    (table("Setting | Value", "Architecture | SA-UNet", "Learning rate | 5e-5"), 2),
    ("Beside Shenzhen (336 TB, 326 normal) V7 data were used; each has text files with age.", 1),
    ("Of 243,334 frontal views 10 were dropped, leaving 243,324.", 0),
]  # fmt: skip


@pytest.fixture(scope="module")
def cxlseg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small CXLSeg."""
    root = tmp_path_factory.mktemp("cxlseg") / "release"
    importlib.import_module("cxrkit.phantom.cxlseg").write_release(root, 4, seed=1, size=64)
    return root


@pytest.mark.parametrize(("card", "wrong"), CXLSEG, ids=lambda v: str(v)[:40])
def test_the_errors_of_cxlseg_are_found_in_other_words(card: str, wrong: int, cxlseg: Path) -> None:
    verdicts = audited(f"# CXLSeg\n\n{card}\n", "cxlseg", cxlseg)
    found = [v for v in verdicts if v.answer == "false"]
    assert len(found) == wrong, [(v.statement.text, v.answer) for v in verdicts]


@pytest.mark.parametrize("written", ["PNG", "DICOM"])
def test_the_other_form_of_a_release_is_not_false(written: str, trees: Path) -> None:
    verdicts = audited(f"# SIIM-ACR\n\nFormat: {written}\n", "siim-acr", trees / "siim-acr")
    assert answers(verdicts) == {"true" if written == "PNG" else "unverifiable"}
