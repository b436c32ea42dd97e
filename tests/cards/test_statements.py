"""What is read from a card: every way of writing a number that the published format knows."""

from dataclasses import dataclass

import pytest

from cxrkit.cards.statements import Statement, statements


def said(markdown: str, kind: str) -> list[Statement]:
    return [s for s in statements(markdown) if s.kind == kind]


@dataclass(frozen=True)
class Phrase:
    """A sentence, and the counts that stand in it: value, unit, words that restrict it."""

    text: str
    counts: tuple[tuple[float, str, str], ...]


PHRASES = [
    Phrase(
        "It comprises 5863 JPEG X-ray images from pediatric patients aged 1-5 years.",
        ((5863, "images", "jpeg"),),
    ),
    Phrase(
        "It holds **336 X-ray images with tuberculosis** and 326 without.",
        ((336, "images", "tuberculosis"), (326, "images", "without")),
    ),
    Phrase(
        "Contains 112,120 frontal-view Chest X-rays of 32,717 unique patients.",
        ((112120, "images", "frontal-view"), (32717, "patients", "unique")),
    ),
    Phrase(
        "1,583 normal and 4,273 pneumonia images",
        ((1583, "images", "normal"), (4273, "images", "pneumonia")),
    ),
    Phrase("Number of patients: 30,805", ((30805, "patients", "patients"),)),
    Phrase("Images: 662", ((662, "images", "images"),)),
    Phrase("The images (n = 662) are PNG files.", ()),  # "n" does not say of what
    Phrase(
        "The training set contains 5,216 images, the validation set 16, the test set 624 images.",
        ((5216, "images", "training"), (16, "images", "validation"), (624, "images", "test")),
    ),
    Phrase(
        "Train, validation and test hold 5,216, 16 and 624 images, respectively.",
        ((5216, "images", "train"), (16, "images", "validate"), (624, "images", "test")),
    ),
    Phrase("984 boxes mark eight findings", ((984, "boxes", "boxes"),)),
    Phrase("227,943 imaging studies, 2011-2016", ((227943, "studies", "imaging"),)),
    Phrase("Released in 2018, version 1.0.0 (2019), by 5 radiologists, 20 epochs, 3.5 TB.", ()),
    Phrase("See https://example.org/12345 and doi:10.1038/s41597-019-0322-0 [12].", ()),
    Phrase("<11 images are shown", ()),  # withheld
]


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda p: p.text[:30])
def test_counts_in_prose_have_their_noun_and_what_restricts_it(phrase: Phrase) -> None:
    found = said(phrase.text, "count")
    assert [(s.values[0], s.unit) for s in found] == [(v, u) for v, u, _ in phrase.counts]
    for statement, (_, _, word) in zip(found, phrase.counts, strict=True):
        assert word in (*statement.subject, *statement.after)


def test_words_before_a_number_say_how_exact_it_is() -> None:
    text = "about 660 images, over 67,000 patients, fewer than 50 masks, 224K radiographs"
    assert [(s.hedge, s.step) for s in said(text, "count")] == [
        ("about", 1), ("over", 1), ("under", 1), ("", 1000),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shares", "names"),
    [
        ("divided into training, validation, and test sets in an 8:1:1 ratio", (0.8, 0.1, 0.1),
         ("train", "validate", "test")),
        ("split 80:10:10 for training, testing and validation", (0.8, 0.1, 0.1),
         ("train", "test", "validate")),
        ("split 70 / 20 / 10 % into train, valid and test", (0.7, 0.2, 0.1),
         ("train", "validate", "test")),
        ("The train, valid and test sets are 70%, 20%, and 10% of it", (0.7, 0.2, 0.1),
         ("train", "validate", "test")),
        ("10% for testing, 20% for validation and 70% for training", (0.1, 0.2, 0.7),
         ("test", "validate", "train")),
    ],
)  # fmt: skip
def test_ratios_have_the_names_of_their_splits(
    text: str, shares: tuple[float, ...], names: tuple[str, ...]
) -> None:
    (ratio,) = said(text, "ratio")
    assert ratio.values == pytest.approx(shares)
    assert ratio.words == names
    assert not said(text, "percentage") and not said(text, "count")


@pytest.mark.parametrize(
    "cell",
    ["989*1225", "[989,1225]", "(989, 1225)", "989 x 1,225", "989 \u00d7 1225", "989 * 1225"],
)
def test_sizes_are_read_in_every_spelling(cell: str) -> None:
    card = f"| Dataset Statistics | size |\n|---|---|\n| min | {cell} |\n| max | [2,916, 2,713] |\n"
    smallest, largest = said(card, "size")
    assert (smallest.values, smallest.unit) == ((989, 1225), "min")
    assert (largest.values, largest.unit) == ((2916, 2713), "max")


def test_sizes_and_bits_in_prose() -> None:
    text = "All images have a resolution of 1024 * 1024 with 8 bits of gray scale."
    assert said(text, "size")[0].values == (1024, 1024)
    assert said(text, "size")[0].unit == "every"
    assert said(text, "bits")[0].values == (8,)
    assert said("Images are resized to 224x224 pixels as input.", "size")[0].unit == "model"


TABLE = """
| Category | train | val | test |
|----------|-------|-----|------|
| Normal   | 1,341 | 8   | 234  |
| Pneumonia| 3875  | 8   | 390  |
"""


def test_a_class_and_split_table_gives_each_cell_and_the_sums() -> None:
    cells = {s.subject: s.values[0] for s in said(TABLE, "count")}
    assert cells[("normal", "train")] == 1341
    assert cells[("pneumonia", "test")] == 390
    assert len(cells) == 6
    sums = {s.words[0]: sum(s.values[:-1]) for s in said(TABLE, "sum") if s.words != ("column",)}
    assert sums == {"splits": 4273, "table": 5856}
    rows = [s for s in said(TABLE, "sum") if s.words == ("splits",)]
    assert [s.line for s in rows] == [4, 5]


def test_a_table_means_the_same_turned_round() -> None:
    turned = (
        "| | Normal | Pneumonia |\n|---|---|---|\n| train | 1,341 | 3875 |\n| val | 8 | 8 |\n"
        "| test | 234 | 390 |\n"
    )
    assert {s.subject: s.values for s in said(turned, "count")} == {
        s.subject: s.values for s in said(TABLE, "count")
    }


def test_percentages_beside_counts_get_the_count_and_the_sum() -> None:
    card = (
        "| Category | No Pneumothorax | Pneumothorax |\n|---|---|---|\n"
        "| Case Count | 9378 | 2669 |\n| Percentage | 77.85% | 22.15% |\n"
    )
    assert [s.values for s in said(card, "percentage")] == [
        (77.85, 9378, 12047),
        (22.15, 2669, 12047),
    ]


def test_the_meta_table_is_read_by_its_headings() -> None:
    card = (
        "| Dimensions | Modality | Anatomical Structures | Anatomical Area | Number of Categories "
        "| Data Volume | File Format |\n|---|---|---|---|---|---|---|\n"
        "| 2D | X-Ray | Lung, Heart | Chest | 2 (7) | 224K images | .jepg, csv |\n"
    )
    found = [(s.kind, s.words or s.values) for s in statements(card)]
    assert ("structure", ("Lung",)) in found and ("structure", ("Heart",)) in found
    assert ("area", ("Chest",)) in found
    assert ("categories", (2, 7)) in found
    assert ("count", (224000,)) in found
    assert ("format", (".jepg",)) in found and ("format", ("csv",)) in found


def test_keys_and_addresses_of_the_source_section() -> None:
    card = (
        "Official Website: https://a.org/x\n\nDownload Link: https://b.org\n"
        "Article Address: [here](https://c.org/1), https://d.org/2\n\n"
        "Publication Date: 2022-07-04\n"
    )
    assert [(s.unit, s.words[0]) for s in said(card, "source")] == [
        ("official", "https://a.org/x"), ("download", "https://b.org"),
        ("article", "https://c.org/1"), ("article", "https://d.org/2"),
    ]  # fmt: skip
    assert [s.words for s in said(card, "date")] == [("2022-07-04",)]
    assert said("Published: Feb. 8, 2023. Version: 1.0.0", "date")[0].words == ("2023-02-08",)


def test_a_drawn_tree_gives_whole_paths() -> None:
    card = (
        "```\nSZ-CXR\n\u2502\n\u251c\u2500\u2500 images\n\u2502   \u251c\u2500\u2500 A_1.png\n"
        "\u2502   \u251c\u2500\u2500 ...\n\u2514\u2500\u2500 masks\n"
        "    \u251c\u2500\u2500 A_1_mask.png\n```\n"
    )
    assert [s.words[0] for s in said(card, "path")] == [
        "SZ-CXR/images/A_1.png",
        "SZ-CXR/masks/A_1_mask.png",
    ]
    assert said("a `subject_id/study_id/dicom_id.jpg` path", "path")[0].unit == "pattern"
    assert not said("```\n@misc{a, url = {x/y.png}}\n```\n", "path")


def test_scores_are_read_whichever_comes_first() -> None:
    first = "a 96.80% in dice similarity coefficient and 91.97% in IoU"
    last = "a Dice of 96.80 %, an IoU of 0.9197, and a precision of .5"
    for text, units in ((first, ["dice", "iou"]), (last, ["dice", "iou", "precision"])):
        found = said(text, "metric")
        assert [s.unit for s in found] == units
        assert [s.values[0] for s in found][:2] == pytest.approx([0.968, 0.9197])
    table = "| Model | Dice | IoU |\n|---|---|---|\n| A | 95.5 | 0.914 |\n"
    assert [s.values[0] for s in said(table, "metric")] == pytest.approx([0.955, 0.914])


def test_sums_are_found_written_out_listed_and_as_a_rest() -> None:
    (written,) = said("3,940 + 3,619 = 7,559 images", "sum")
    assert (written.values, written.words) == ((3940, 3619, 7559), ("written",))
    (rest,) = said("Of 243,334 images 10 images were removed, resulting in 243,324 images.", "sum")
    assert rest.values == (10, 243324, 243334)
    kept = said("Of 243,334 images 10 images were removed, resulting in 243,324 images.", "count")
    assert [s.values[0] for s in kept] == [243324]
    (listed,) = said("5,857 images: 1,583 normal and 4,273 pneumonia.", "sum")
    assert listed.values == (1583, 4273, 5857)


def test_rules_are_found() -> None:
    assert said("lung contour segmentation annotations for each image", "each")
    assert said("Every radiograph comes with a lung mask.", "each")
    assert not said("Not every image has a mask.", "each")
    assert not said("Each image with a mask is in train.", "each")
    assert said("This ensures no patient overlap between the sets.", "overlap")
    assert said("No patient appears in more than one split.", "overlap")
    assert said("10 folders and 6500 sub-folders", "folders")[1].unit == "sub-folders"
    described = said("- a.csv: the images.\n- b.csv: splits.\n- a.csv: the masks.\n", "file")
    assert [(s.words[0], s.values) for s in described] == [("a.csv", (1, 3)), ("b.csv", (2,))]


def test_each_heading_and_sentence_says_which_archive_is_meant() -> None:
    card = (
        "# A list\n\n## NIH ChestX-ray14\n\n112,120 images.\n\n### Details\n\n30,805 patients.\n\n"
        "## MIMIC-CXR Dataset\n\n377,110 images. The CheXpert labeler was used. "
        "CheXpert has 224,316 images.\n"
    )
    assert [(s.values[0], s.about) for s in said(card, "count")] == [
        (112120, ("chestx-ray14",)),
        (30805, ("chestx-ray14",)),
        (377110, ("mimic-cxr",)),
        (224316, ("chexpert",)),
    ]
    own = said("# CXLSeg\n\n243,324 frontal images of the MIMIC-CXR dataset.", "count")[0]
    assert own.about == ("mimic-cxr",) and own.part


def test_what_a_card_reports_of_others_is_marked() -> None:
    assert said("Its Kaggle page says 5,863 images.", "count")[0].quoted
    assert said("## Traps\n\n5,863 images.", "count")[0].quoted
    assert said("| claim | number | note |\n|---|---|---|\n| images | 5,863 | false: 5,856 |\n",
                "count")[0].quoted  # fmt: skip
    assert not said("5,863 images.", "count")[0].quoted


def test_lines_are_those_of_the_file() -> None:
    card = "---\ntitle: x\n---\n# A\n\nSome words that run\non to 12 images\nand 5 patients.\n"
    assert [(s.line, s.values[0]) for s in said(card, "count")] == [(7, 12), (8, 5)]


@pytest.mark.parametrize(
    "card",
    [
        "",
        "# Titel\n\nDer Datensatz hat 5863 Bilder, davon 100 % mit Maske.\n",
        "# \u80ba\u708e\n\n\u5305\u542b 5863 \u5f20\u56fe\u50cf\u3002\n\n"
        "| \u7c7b\u522b | \u6570\u91cf |\n|---|---|\n| \u6b63\u5e38 | 1583 |\n",
        "# A card of words\n\nIt has many fine pictures of great value.\n",
        "```\nfor i in range(100): images = 5\n```\n",
    ],
)
def test_a_card_in_another_language_or_without_numbers_states_nothing(card: str) -> None:
    assert statements(card) == []
