"""Is what a card says true: every known error of five published pages is found, and no more.

The cards beside this file state, in words of our own, what those pages state.
"""

import importlib
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from cxrkit import archives
from cxrkit.cards import card as archive_card
from cxrkit.cards import document, page
from cxrkit.cards.audit import Verdict, audit
from cxrkit.cards.statements import statements

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Known:
    """One claim of a published page: words of the statement, the answer, what is found."""

    document: str
    claim: str
    answer: str
    found: str = ""
    why: str = ""


# Pneumothorax masks: all of it is correct; the month of its date is not known.
SIIM = [
    Known("siim_acr", "12,047 chest x-ray images", "true", "12,047"),
    Known("siim_acr", "Data Volume: 12047", "true", "12,047"),
    Known("siim_acr", "No Pneumothorax Case Count: 9378", "true", "9,378"),
    Known("siim_acr", "Pneumothorax Case Count: 2669", "true", "2,669"),
    Known("siim_acr", "No Pneumothorax Percentage: 77.85%", "true", "77.85 %"),
    Known("siim_acr", "Pneumothorax Percentage: 22.15%", "true", "22.15 %"),
    Known("siim_acr", "File Format: PNG", "true", ".png"),
    Known("siim_acr", "Number of Categories: 2", "true"),
    Known("siim_acr", "Anatomical Structures: Lung", "true"),
    Known("siim_acr", "max size: (1024, 1024)", "true"),
    Known("siim_acr", "official: https://www.kaggle.com/datasets/vbookshelf", "true"),
    Known("siim_acr", "Publication Date: 2019-01", "unverifiable", "2019"),
]
SHENZHEN = [
    Known("shenzhen", "336 x-ray images with tuberculosis", "true", "336"),
    Known("shenzhen", "326 x-ray images without tuberculosis", "true", "326"),
    Known("shenzhen", "662 images", "true", "662"),
    Known("shenzhen", "for each image", "false", "566 masks for 662 images (85.5 %)"),
    Known("shenzhen", "8:1:1", "false", "no official split"),
    Known("shenzhen", "Anatomical Structures: Tuberculosis", "false", "Lung", "disease"),
    Known("shenzhen", "Anatomical Area: Lung", "false", "Chest", "organ"),
    Known("shenzhen", "Number of Categories: 1", "true"),
    Known("shenzhen", "Data Volume: 566", "false", "662", "566 is the number of masks"),
    Known("shenzhen", "File Format: PNG", "true"),
    Known("shenzhen", "Lung Case Count: 566", "true", "566 masks"),
    Known("shenzhen", "Lung Coverage: 100%", "false", "85.5 %"),
    Known("shenzhen", "SZ-CXR/images/CHNCXR_0001_0.png", "true"),
    Known("shenzhen", "Publication Date: 2018", "true"),
    Known("shenzhen", "download: https://lhncbc.nlm.nih.gov", "true"),
]
GUANGZHOU = [
    Known("guangzhou", "5863 jpeg x-ray images", "false", "5,856"),
    Known("guangzhou", "Data Volume: 5856", "true", "5,856"),
    Known("guangzhou", "1,341 + 8 + 234 + 3,875 + 8 + 390", "true", "5,856"),
    Known("guangzhou", "Normal train: 1341", "true", "1,341"),
    Known("guangzhou", "Pneumonia test: 390", "true", "390"),
    Known("guangzhou", "File Format: .jepg", "false", ".jpeg"),
    Known("guangzhou", "min size: [384,127]", "true", "384 x 127"),
    Known("guangzhou", "max size: [2916,2583]", "false", "2,916 x 2,713"),
    Known("guangzhou", "Publication Date: 2022-07-04", "false", "2018"),
    Known("guangzhou", "official: https://www.heywhale.com", "false", "data.mendeley.com"),
    Known("guangzhou", "article: https://data.mendeley.com", "true"),
    Known("guangzhou", "Anatomical Area: Chest", "true"),
    Known("guangzhou", "Number of Categories: 2", "true"),
]
CXLSEG = [
    Known("cxlseg", "dice 96.8", "false", "IoU 0.9197 = Dice 0.9582"),
    Known("cxlseg", "dice 96.03", "false", "IoU 0.9197 = Dice 0.9582"),
    Known("cxlseg", "iou 91.97", "false", "IoU 0.9"),  # of either Dice: .9380, .9236
    Known("cxlseg", "10 folders", "unverifiable", "published 10 folders"),
    Known("cxlseg", "6500 sub-folders", "false", "about 6,500 in each of the 10 folders"),
    Known("cxlseg", "subject_id/study_id/dicom_id.jpg", "false",
          "files/p1{}/p<patient_id>/s<study_id>/<image_id>.jpg"),
    Known("cxlseg", "CXLSeg-segmented.csv is described 2 times", "false", "lines 37 and 39"),
    Known("cxlseg", "CXLSeg-segmented.csv: the segmented", "false", "one set of 14 labels"),
    Known("cxlseg", "SA-UNet was trained", "false", "U-Net of 31,055,297"),
    Known("cxlseg", "learning rate 5e-05", "false", "1e-05"),
    Known("cxlseg", "The code for classification", "false", "report generation"),
    Known("cxlseg", "10 + 243,324 = 243,334", "true"),
    Known("cxlseg", "3,940 + 3,619 + 3,987 + 3,850 = 15,396", "true"),
    Known("cxlseg", "80:10:10", "unverifiable", "published train 80.0%, validate 10.0%"),
    Known("cxlseg", "1,602 + 4,250 + 439", "false", "6,500", "6,505 mask files"),
    Known("cxlseg", "Every dataset has a text file", "false", "Shenzhen and Montgomery only"),
    Known("cxlseg", "336 images with tuberculosis", "true", "336"),
    Known("cxlseg", "80 normal images", "true", "80"),
    Known("cxlseg", "After augmentation", "unverifiable", "", "in training and test"),
    Known("cxlseg", "The masks were not examined", "unverifiable", "", "no figure"),
    Known("cxlseg", "243,324 frontal view images", "unverifiable", "published 243,324"),
    Known("cxlseg", "Published: Feb. 8, 2023.", "true", "2023-02-08"),
]  # fmt: skip
LIST = [
    Known("list", "112,120 frontal-view chest x-rays", "true", "112,120"),
    Known("list", "32,717 unique patients", "false", "30,805"),
    Known("list", "8 bits", "true"),
    Known("list", "14 diseases", "true"),
    Known("list", "train, validate, test 70%, 20%, and 10%", "false",
          "train 70.0%, validate 10.0%, test 20.0%"),
    Known("list", "78,467 + 22,432 + 11,218", "false", "112,120", "112,117"),
    Known("list", "The official splits, either by images", "false", "81.5% of the test images"),
    Known("list", "No Findings Train: 42404", "unverifiable"),
    *(Known("list", f"{name} ", "false", f"{found:,}", f"add up to {stated:,}")
      for name, stated, found in (
          ("atelectasis", 11535, 11559), ("cardiomegaly", 2772, 2776), ("effusion", 13307, 13317),
          ("infiltration", 19870, 19894), ("mass", 5746, 5782), ("nodule", 6323, 6331),
          ("pneumonia", 1353, 1431), ("pneumothorax", 5298, 5302), ("no findings", 60409, 60361))),
    *(Known("list", f"{name} ", "true", f"{found:,}")
      for name, found in (("consolidation", 4667), ("edema", 2303), ("emphysema", 2516),
                          ("fibrosis", 1686), ("hernia", 227))),
    Known("list", "371,920 chest x-rays", "false", "377,110"),
    Known("list", "227,943 imaging studies", "false", "227,835"),
    Known("list", "227,943 reports", "false", "227,835"),
    Known("list", "82.4% have an impression", "false", "83.2 %"),
    Known("list", "De-identified images", "false", "histogram equalisation"),
    Known("list", "Labels are determined", "false", "CheXpert and NegBio labels"),
    Known("list", "In future, the authors plan", "false", "released in 2019"),
    Known("list", "14 thoracic disease labels", "true"),
    Known("list", "8-bit", "true"),
    Known("list", "224,316 chest radiographs", "true", "224,316"),
    Known("list", "65,240 patients", "true", "65,240"),
]  # fmt: skip
# Everything on these pages that is false: nothing else may be called so.
FALSE = {"siim_acr": 0, "shenzhen": 6, "guangzhou": 5, "cxlseg": 14, "list": 24}


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def shenzhen(root: Path, images: int = 662, masks: int = 566) -> Path:
    for n in range(1, images + 1):
        stem = f"CHNCXR_{n:04}_{int(n > images - round(336 * images / 662))}"
        touch(root, f"images/{stem}.png", *([f"masks/{stem}_mask.png"] if n <= masks else []))
    return root


def guangzhou(root: Path) -> Path:
    for split, normal, pneumonia in (("train", 1341, 3875), ("val", 8, 8), ("test", 234, 390)):
        folder = f"chest_xray/{split}"
        touch(root, *(f"{folder}/NORMAL/IM-{n:04}-0001.jpeg" for n in range(normal)))
        touch(root, *(f"{folder}/PNEUMONIA/person{n}_virus_{n}.jpeg" for n in range(pneumonia)))
    return root


def siim(root: Path) -> Path:
    """The PNG form: 12,047 names, of which 2,669 say pneumothorax."""
    folder = root / "siim-acr-pneumothorax"
    (folder / "png_images").mkdir(parents=True)
    (folder / "png_masks").mkdir()
    stages: dict[str, list[str]] = {"train": [], "test": []}
    for n in range(12047):
        stage, label = "test" if n % 9 == 1 else "train", int(n < 2669)
        name = f"{n}_{stage}_{label}_.png"
        stages[stage].append(f"{name},1.2.276.0.7230010.3.{n},{label}\n")
        for kind in ("png_images", "png_masks"):
            (folder / kind / name).touch()
    for stage, rows in stages.items():
        table = "new_filename,ImageId,has_pneumo\n" + "".join(rows)
        (folder / f"stage_1_{stage}_images.csv").write_text(table)
    return root


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three archives with the published numbers of files, all empty, and a small CXLSeg."""
    root = tmp_path_factory.mktemp("copies")
    shenzhen(root / "shenzhen")
    guangzhou(root / "guangzhou")
    siim(root / "siim_acr")
    module = importlib.import_module("cxrkit.phantom.cxlseg")
    module.write_release(root / "cxlseg", studies=16, seed=1, size=64)
    return root


def audited(card: str, name: str, root: Path) -> list[Verdict]:
    return audit(statements(card), archives.load(name), root)


def check(known: Known, verdicts: list[Verdict]) -> None:
    hits = [v for v in verdicts if v.statement.text.lower().startswith(known.claim.lower())]
    hits = hits or [v for v in verdicts if known.claim.lower() in v.statement.text.lower()]
    if known.claim.endswith(" "):  # a row of a table: its sum
        hits = [v for v in hits if v.statement.kind == "sum"]
    assert hits, known.claim
    for hit in hits:
        assert hit.answer == known.answer, hit
        assert all(part in hit.found for part in known.found.split("{}")), hit
        assert all(word in hit.why for word in known.why.split()), hit
        assert bool(hit.authority) or hit.answer == "unverifiable"


@pytest.fixture(scope="module")
def pages(copies: Path) -> dict[str, list[Verdict]]:
    names = {"siim_acr": "siim-acr"}
    return {
        d: audited((HERE / f"cards_{d}.md").read_text(), names.get(d, d), copies / d)
        for d in ("siim_acr", "shenzhen", "guangzhou", "cxlseg")
    }


@pytest.mark.parametrize(
    "known", [*SIIM, *SHENZHEN, *GUANGZHOU, *CXLSEG], ids=lambda k: f"{k.document}-{k.claim[:30]}"
)
def test_each_claim_of_the_pages_gets_its_verdict(
    known: Known, pages: dict[str, list[Verdict]]
) -> None:
    check(known, pages[known.document])


@pytest.mark.parametrize("name", ["siim_acr", "shenzhen", "guangzhou", "cxlseg"])
def test_nothing_else_on_the_pages_is_called_false(
    name: str, pages: dict[str, list[Verdict]]
) -> None:
    wrong = [v.statement.text for v in pages[name] if v.answer == "false"]
    assert len(wrong) == FALSE[name], wrong


def test_the_list_of_datasets_against_the_real_tables(real_data: Path) -> None:
    card = (HERE / "cards_list.md").read_text()
    verdicts = audited(card, "chestx-ray14", real_data / "chestx-ray14")
    for known in LIST:
        check(known, verdicts)
    named = [v.answer for v in verdicts if v.statement.kind == "labels"]
    assert named == ["true", "false", "false"]  # the sentence; the rows of two tables
    missing = [v for v in verdicts if v.statement.kind == "labels" and v.answer == "false"]
    assert [v.found for v in missing] == [
        "Pleural_Thickening missing",
        "Enlarged Cardiomediastinum, Support Devices",
    ]
    wrong = [v.statement.text for v in verdicts if v.answer == "false"]
    assert len(wrong) == FALSE["list"], wrong


def test_a_part_of_the_release_is_not_held_against_its_numbers(tmp_path: Path) -> None:
    """59 of 662 images: published numbers cannot be checked, others are still false."""
    root = shenzhen(tmp_path, images=59, masks=59)
    card = "# SZ-CXR\n\n662 images, 336 with tuberculosis. There are 600 images.\n\n59 images.\n"
    found = {v.statement.values[0]: v for v in audited(card, "shenzhen", root)
             if v.statement.kind == "count"}  # fmt: skip
    assert found[662].answer == "unverifiable"
    assert found[662].found == "this copy 59; published 662"
    assert "agrees with the publication" in found[662].why
    assert found[336].answer == "unverifiable"
    assert found[600].answer == "false"
    assert found[59].answer == "true"
    whole = {v.statement.values[0]: v.answer
             for v in audited(card, "shenzhen", shenzhen(tmp_path / "whole"))
             if v.statement.kind == "count"}  # fmt: skip
    assert whole == {662: "true", 336: "true", 600: "false", 59: "false"}


def test_another_total_on_the_same_page_is_named(copies: Path) -> None:
    card = "# SZ-CXR\n\n662 images.\n\n600 images.\n"
    verdicts = audited(card, "shenzhen", copies / "shenzhen")
    assert [v.why for v in verdicts if v.answer == "false"] == [
        "differs from this copy and from the publication; line 3 of the card says 662"
    ]


@pytest.mark.parametrize(
    ("card", "answer"),
    [
        ("about 660 images", "true"),
        ("over 600 images", "true"),
        ("over 700 images", "false"),
        ("fewer than 700 images", "true"),
        ("662 synthetic images", "true"),  # the number is right, whatever the word means
        ("200 synthetic images", "unverifiable"),
        ("The set has 5 images with scoliosis.", "unverifiable"),
        ("The masks cover 566 images.", "unverifiable"),
        ("566 images with masks", "true"),
        ("The network was trained on 500 images.", "unverifiable"),
        ("The Montgomery set has 138 images.", "true"),
        ("The Montgomery set has 140 images.", "false"),
        ("The PLCO set has 662 images.", "true"),
        ("| Category | Train | Test |\n|---|---|---|\n| Normal | 261 | 65 |\n", "true"),
    ],
)
def test_words_around_a_number_decide_what_it_can_mean(
    card: str, answer: str, copies: Path
) -> None:
    verdicts = audited(f"# SZ-CXR\n\n{card}\n", "shenzhen", copies / "shenzhen")
    if card.startswith("|"):  # 261 + 65 = 326, the cells are of nobody's split
        verdicts = [v for v in verdicts if v.statement.kind == "sum"]
    assert {v.answer for v in verdicts} == {answer}


def test_sizes_are_measured_in_the_headers(tmp_path: Path) -> None:
    """Against sizes that were drawn: smallest, largest and median, in either order."""
    (tmp_path / "images").mkdir()
    for n, (rows, columns) in enumerate([(40, 30), (50, 60), (90, 70)]):
        path = tmp_path / f"images/CHNCXR_{n:04}_0.png"
        cv2.imwrite(str(path), np.zeros((rows, columns), np.uint8))
    card = "| Dataset Statistics | size |\n|---|---|\n| min | {} |\n| median | {} |\n| max | {} |\n"
    archive = archives.load("folder")  # nothing is recorded about it
    right = statements(card.format("30 x 40", "50 x 60", "[70,90]"))
    assert [v.answer for v in audit(right, archive, tmp_path)] == ["true"] * 3
    wrong = statements(card.format("31 x 40", "60 x 70", "(70, 91)"))
    verdicts = audit(wrong, archive, tmp_path)
    assert [(v.answer, v.found) for v in verdicts] == [
        ("false", "30 x 40"), ("false", "60 x 50"), ("false", "70 x 90"),
    ]  # fmt: skip
    unmeasured = audit(right, archive, tmp_path, headers=False)
    assert [v.answer for v in unmeasured] == ["unverifiable"] * 3


def masks_with(intersection: int, first: int, second: int) -> tuple[float, float]:
    """Dice and IoU of two drawn masks, counted pixel by pixel."""
    a, b = np.zeros(100, bool), np.zeros(100, bool)
    a[:first] = True
    b[first - intersection : first - intersection + second] = True
    both, either = int((a & b).sum()), int((a | b).sum())
    return 2 * both / (int(a.sum()) + int(b.sum())), both / either


@pytest.mark.parametrize(("both", "first", "second"), [(10, 20, 30), (5, 5, 60), (17, 20, 20)])
def test_the_dice_and_iou_of_drawn_masks_agree(
    both: int, first: int, second: int, tmp_path: Path
) -> None:
    (tmp_path / "one.png").write_bytes(b"x")
    dice, iou = masks_with(both, first, second)
    shown = f"# A\n\n| Model | Dice | IoU |\n|---|---|---|\n| A | {dice:.4f} | {{:.4f}} |\n"
    answers = {
        change: {v.answer for v in audit(statements(shown.format(iou + change)),
                                         archives.load("folder"), tmp_path)}
        for change in (0.0, -0.01, 0.005)
    }  # fmt: skip
    assert answers[0.0] == {"true"}
    assert answers[-0.01] == {"false"}  # no average of masks can have it
    assert answers[0.005] == {"unverifiable"}  # a mean over images can


def test_means_over_images_can_only_have_a_larger_iou() -> None:
    """What makes a smaller IoU impossible, on random masks: mean IoU >= D / (2 - D)."""
    random = np.random.default_rng(0)
    for _ in range(200):
        dice = random.random(5)
        mean, iou = dice.mean(), (dice / (2 - dice)).mean()
        assert mean / (2 - mean) <= iou + 1e-12 and iou <= mean


def nih(root: Path, patients: dict[str, int], test: set[str]) -> Path:
    """A ChestX-ray14 of made-up patients with so many images each; `test` are on the test list."""
    names = {p: [f"{p}_{n:03}.png" for n in range(count)] for p, count in patients.items()}
    touch(root, *(f"images/{name}" for listed in names.values() for name in listed))
    header = (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,"
        "View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
    )
    rows = [f"{name},No Finding,0,{int(p)},50,M,PA,2000,2000,0.1,0.1," for p in names
            for name in names[p]]  # fmt: skip
    (root / "Data_Entry_2017_v2020.csv").write_text("\n".join([header, *rows]) + "\n")
    lists = {"test_list.txt": test, "train_val_list.txt": set(patients) - test}
    for name, members in lists.items():
        (root / name).write_text("".join(f"{i}\n" for p in sorted(members) for i in names[p]))
    (root / "BBox_List_2017.csv").write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
        f"{names[min(patients)][0]},Atelectasis,1.0,1.0,5.0,5.0,,,\n"
    )
    return root


def test_a_split_by_image_shares_patients_as_a_simulation_says(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    patients = {f"{n:08}": int(c) for n, c in enumerate(random.integers(1, 9, 300), 1)}
    root = nih(tmp_path, patients, {"00000001"})
    card = "# NIH ChestX-ray14\n\nThe splits by image and by patient ensure no patient overlap.\n"
    (verdict,) = [v for v in audited(card, "chestx-ray14", root) if v.statement.kind == "overlap"]
    assert verdict.answer == "false"
    owner = np.repeat(list(patients), list(patients.values()))
    shares = []
    for _ in range(60):  # 70 % of the images are drawn for training
        train = random.random(owner.size) < 0.7
        shares.append(np.isin(owner[~train], owner[train]).mean())
    assert float(verdict.found.split("%")[0]) == pytest.approx(100 * np.mean(shares), abs=1.5)


def test_patients_in_two_splits_are_counted(tmp_path: Path) -> None:
    touch(tmp_path, *(f"chest_xray/{s}/NORMAL/IM-0001-000{n}.jpeg"
                      for n, s in enumerate(("train", "test"), 1)))  # fmt: skip
    card = "# Chest radiographs\n\nThere is no patient overlap between train and test.\n"
    (verdict,) = audited(card, "guangzhou", tmp_path)
    assert (verdict.answer, verdict.found) == ("false", "1 patients are in several splits")


def test_a_split_that_the_sentence_names_is_what_its_numbers_count(tmp_path: Path) -> None:
    root = nih(tmp_path, {"00000001": 3, "00000002": 2, "00000003": 2}, {"00000002"})
    text = "It has a training set of 5 images (2 patients) and a test set of 2 images (1 patients)."
    verdicts = audited(
        f"# NIH chest\n\n{text}\n\n{text.replace('(2', '(6')}\n", "chestx-ray14", root
    )
    counts = [(v.statement.line, v.answer) for v in verdicts if v.statement.kind == "count"]
    assert [a for line, a in counts if line == 3] == ["true"] * 4
    assert [a for line, a in counts if line == 5] == ["true", "false", "true", "true"]


def test_a_table_of_archives_is_compared_row_by_row(copies: Path) -> None:
    card = (
        "# Sets\n\n| Dataset | Images | Patients |\n|---|---|---|\n| Shenzhen | 662 | - |\n"
        "| NIH ChestX-ray14 | 112,120 | 32,717 |\n| MIMIC-CXR | 371,920 | 65,379 |\n"
        "| PLCO | 89,000 | 25,000 |\n"
    )
    found = {v.statement.values[0]: (v.answer, v.found, v.authority.split(":")[0])
             for v in audited(card, "shenzhen", copies / "shenzhen")
             if v.statement.values[0] < 89000 or v.statement.values[0] > 1e5}  # fmt: skip
    assert found[662] == ("true", "662", "counted on this copy")
    assert found[112120][0] == found[65379][0] == "true"
    assert found[112120][2] == "recorded facts of the release"
    assert found[32717][:2] == ("false", "published 30,805")
    assert found[371920][:2] == ("false", "published 377,110")


def test_a_number_that_the_card_works_out_further_is_not_false(copies: Path) -> None:
    card = (
        "# CXLSeg\n\n## Methods\n\nWe took 27 frontal images. 10 of them had no report, so "
        "there are {} images.\n"
    )
    root = copies / "cxlseg"
    whole = archives.table(archives.load("cxlseg"), root).height
    taken = card.replace("27", str(whole + 10)).format(whole)
    answers = [v.answer for v in audited(taken, "cxlseg", root)]
    assert answers == ["unverifiable", "unverifiable", "true"]
    other = card.replace("27", str(whole + 11)).format(whole)
    assert next(v.answer for v in audited(other, "cxlseg", root)) == "false"


def test_percentages_are_checked_against_the_counts_beside_them(tmp_path: Path) -> None:
    card = (
        "| Label | Quantity | Percentage |\n|---|---|---|\n"
        "| Normal | 326 | 49.24% |\n| Tuberculosis | 336 | 51.76% |\n"
    )
    verdicts = audited(card, "shenzhen", shenzhen(tmp_path))
    shares = [(v.answer, v.found) for v in verdicts if v.statement.kind == "percentage"]
    assert shares == [("true", "49.24 % (326 of 662)"), ("false", "50.76 % (336 of 662)")]


@pytest.mark.parametrize("name", ["shenzhen", "guangzhou", "siim-acr", "cxlseg", "chestx-ray14"])
def test_the_card_that_is_written_of_a_copy_holds_for_that_copy(name: str, tmp_path: Path) -> None:
    module = importlib.import_module(f"cxrkit.phantom.{name.replace('-', '_')}")
    root = tmp_path / name
    module.write_release(root, studies=20, seed=2, size=64)
    facts, _ = archive_card.of_archive(name, root, 1, lambda said: None)
    written = document.markdown(page.of(facts, []))
    verdicts = audited(written, name, root)
    assert [v for v in verdicts if v.answer == "false"] == []
    assert sum(v.answer == "true" for v in verdicts) > 10
    # The check can fail: one more image than there are.
    changed = written.replace("# ", f"# A\n\nIt has {len(list(root.rglob('*'))) + 9} images.\n\n# ",
                              1)  # fmt: skip
    assert "false" in {v.answer for v in audited(changed, name, root)}


def test_a_card_without_statements_gives_no_verdicts(tmp_path: Path) -> None:
    assert (
        audited("# Titel\n\nDer Datensatz hat 662 Bilder.\n", "shenzhen", shenzhen(tmp_path)) == []
    )


def test_verdicts_depend_on_nothing_but_card_and_copy(copies: Path) -> None:
    card = (HERE / "cards_shenzhen.md").read_text()
    said = statements(card)
    archive, root = archives.load("shenzhen"), copies / "shenzhen"
    assert audit(said, archive, root, workers=1) == audit(said, archive, root, workers=3)
    alone = [v for s in said for v in audit([s], archive, root)]
    assert [replace(v, why="") for v in alone] == [
        replace(v, why="") for v in audit(said, archive, root)
    ]


def test_a_corrupt_row_of_a_table_is_one_image(tmp_path: Path) -> None:
    """Counts are over all rows: one without its facts still is an image of the copy."""
    root = nih(tmp_path, {"00000001": 3, "00000002": 2}, {"00000002"})
    path = root / "Data_Entry_2017_v2020.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-1], lines[-1].replace(",50,", ",fifty,")]) + "\n")
    table = archives.table(archives.load("chestx-ray14"), root)
    assert table.filter(pl.col("fault") != "").height == 1
    verdicts = audited("# NIH chest\n\n5 images of 2 patients.\n", "chestx-ray14", root)
    assert verdicts[0].answer == "true"
