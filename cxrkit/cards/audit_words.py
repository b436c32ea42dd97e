"""The words of dataset cards: what is counted, splits, archives, formats, anatomy, procedures."""

import re
from collections.abc import Sequence


def word_set(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


# What a number can count, by the words for it.
_UNITS = {
    "images": "image images radiograph radiographs x-ray x-rays xray xrays cxr cxrs scan scans "
    "film films picture pictures view views photograph photographs jpegs pngs dicoms",
    "patients": "patient patients subject subjects individual individuals person persons people "
    "participant participants",
    "studies": "study studies exam exams examination examinations",
    "reports": "report reports",
    "masks": "mask masks segmentation segmentations contour contours outline outlines",
    "boxes": "box boxes bbox bboxes",
    "rows": "row rows",
    "items": "sample samples instance instances example examples data",
    "cases": "case cases",
    "categories": "category categories class classes disease diseases pathology pathologies label "
    "labels finding findings observation observations condition conditions disorder disorders",
    "folders": "folder folders directory directories",
    "sub-folders": "sub-folder sub-folders subfolder subfolders sub-directory sub-directories "
    "subdirectory subdirectories",
}
UNIT = {word: unit for unit, words in _UNITS.items() for word in words.split()}

# Other things that cards number; no statement about the data.
FOREIGN = word_set(
    "epoch epochs year years month months day days hour hours radiologist radiologists expert "
    "experts reader readers annotator annotators physician physicians doctor doctors hospital "
    "hospitals institution institutions center centers centre centres country countries fold "
    "folds layer layers gb mb gib pixel pixels bit bits point points parameter parameters "
    "token tokens paper papers model models network networks iteration iterations batch video "
    "videos page pages level levels stage stages step steps set sets dataset datasets database "
    "databases challenge source sources type types group groups version versions part parts task "
    "tasks section sections time times gpu gpus word words term terms size threshold percent "
    "kernel age ages year width height tile tiles rib ribs column columns channel channels "
    "dimension dimensions"
)

VIEWS = word_set("frontal frontal-view lateral pa ap posteroanterior anteroposterior")

# Words with a noun that leave what it counts as it is.
HARMLESS = word_set(
    "chest thoracic thorax x ray x-ray xray cxr lung lungs pulmonary radiographic radiography "
    "radiology imaging digital medical clinical diagnostic 2d grayscale gray-scale greyscale "
    "jpeg jpg png dicom high-quality high-resolution resolution quality unique distinct "
    "different individual total overall whole entire full complete original anonymized "
    "anonymised de-identified deidentified labelled labeled annotated available public "
    "publicly corresponding associated coverage segmented segmentation binary adult pediatric "
    "paediatric free-text real released large-scale number count counts num quantity data "
    "volume value values n the a an of these in all no. per dataset set sets view views image "
    "images frequency are is it there"
)

SPLIT = {
    **dict.fromkeys(("train", "training", "trainset"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation", "validating", "dev"), "validate"),
    **dict.fromkeys(("test", "testing", "testset"), "test"),
}
_SPLIT_WORD = re.compile(rf"\b({'|'.join(sorted(SPLIT, key=len, reverse=True))})\b", re.IGNORECASE)

# How archives are called in prose and headings, by the adapter's name, or a name of their own where
# there is no adapter. The labeler of CheXpert is no archive.
_ARCHIVES = {
    "cxlseg": r"cxlseg|chest x-?ray dataset with lung segmentation",
    "mimic-cxr-jpg": r"mimic[- ]?cxr[- ]?jpg",
    "mimic-cxr": r"mimic[- ]?cxr(?![- ]?jpg)",
    "chexpert": r"chexpert(?:-v1\.0)?(?!\s*(?:plus|label|and negbio|or negbio|class|tool))",
    "chestx-ray14": r"chest[- ]?x-?ray[- ]?14|nih chest\w*|cxr14|nih (?:data|clinical|cxr)",
    "chestx-ray8": r"chest[- ]?x-?ray[- ]?8",
    "siim-acr": r"siim(?:[- ]acr)?|pneumothorax masks x-ray",
    "shenzhen": r"shenzhen|sz[- ]?cxr|chinaset",
    "montgomery": r"montgomery",
    "jsrt": r"jsrt",
    "v7": r"v7|darwin",
    "guangzhou": r"guangzhou|kermany|chest x-?ray (?:images|imaging) \(pneumonia\)",
    "open-i": r"open-?i\b|indiana university|indiana|iu[- ]?x-?ray|iucxr|nlmcxr",
    "padchest": r"padchest",
    "vindr-cxr": r"vindr(?:-cxr)?",
    "rsna-pneumonia": r"rsna",
    "chexmask": r"chexmask",
    "chexpert-plus": r"chexpert\s*plus",
    "covid-chestxray-dataset": r"ieee8023|covid-chestxray-dataset",
}
_ARCHIVE = {name: re.compile(rf"\b(?:{p})(?!\w)", re.IGNORECASE) for name, p in _ARCHIVES.items()}

IMAGE_FORMATS = {
    **dict.fromkeys(("png",), "png"),
    **dict.fromkeys(("jpg", "jpeg", "jpe"), "jpeg"),
    **dict.fromkeys(("dcm", "dicom", "dicm"), "dicom"),
    **dict.fromkeys(("tif", "tiff"), "tiff"),
    **dict.fromkeys(("img",), "img"),
    **dict.fromkeys(("gif",), "gif"),
    **dict.fromkeys(("bmp",), "bmp"),
    **dict.fromkeys(("nii", "nifti", "nii.gz"), "nifti"),
}
OTHER_FORMATS = word_set(
    "csv tsv txt json xml xlsx xls parquet zip tar gz tgz npy npz h5 hdf5 md pdf rle yaml yml"
)

STRUCTURES = word_set(
    "lung heart rib clavicle diaphragm trachea aorta mediastinum pleura bronchus hilum scapula "
    "sternum spine vertebra vertebrae lobe airway vessel bone ventricle atrium thymus esophagus"
)
AREAS = word_set(
    "chest thorax abdomen pelvis head neck brain breast limb extremity body torso shoulder hand "
    "knee eye hip"
)

# Sentences that say how something was made; what is recorded about an archive can contradict them.
MAKING = re.compile(
    r"\b(?:labell?ers?|negbio|chexbert|in (?:the )?future|future (?:plans?|work|releases?)|"
    r"will be (?:released|published|available)|"
    r"plans? to (?:release|publish|provide)|augment\w*|histogram|normali[sz]\w*|bit[- ]depth|"
    r"code repository|source code|our code|repository|github|examined|verified by|reviewed by|"
    r"checked by|text files?|learning rate|u-?net|optimi[sz]er|pre-?trained)\b",
    re.IGNORECASE,
)

# What a card reports and does not state: another's number, or a known error.
_QUOTED = re.compile(
    r"\b(?:pages?|prose|copies|descriptions?|documentation|readme)\b[^;]{0,60}"
    r"\b(?:says?|states?|stated|claims?|claimed|promises?|promised|counts|is short)\b|\bsomebody|"
    r"\b(?:often|sometimes|commonly|frequently|usually|also) "
    r"(?:quoted|cited|stated|given|reported)\b|"
    r"\bin the literature\b|\bin circulation\b|\bin descriptions\b|\bknown (?:error|to be wrong)\b|"
    r"\bstands for\b|\bwithheld\b|\bno (?:number|count) of\b|"
    r"\b(?:is|are|was|were) (?:false|wrong|incorrect|an error)\b|\bfalse:",
    re.IGNORECASE,
)
_ERRORS = re.compile(r"\b(?:traps?|pitfalls?|errat(?:a|um)|known errors?)\b", re.I)


def is_quoted(text: str, section: Sequence[str]) -> bool:
    """A sentence, a row or its heading says that the numbers are another's, or are wrong."""
    return bool(_QUOTED.search(text)) or any(_ERRORS.search(title) for title in section)


def words(text: str) -> list[str]:
    """The words of a text in lower case; a hyphen inside a word stays."""
    return re.findall(r"[a-z][a-z0-9'+-]*", text.lower())


def split_names(text: str) -> list[str]:
    """The splits that a text names, once each, in the order they are named."""
    return list(dict.fromkeys(SPLIT[m[1].lower()] for m in _SPLIT_WORD.finditer(text)))


def archives_in(text: str) -> list[tuple[str, int, int]]:
    """The archives that a text names, with the place, in that order."""
    found = [(n, m.start(), m.end()) for n, p in _ARCHIVE.items() for m in p.finditer(text)]
    return sorted(found, key=lambda hit: hit[1])


def without_archives(text: str) -> str:
    """The text without the names of archives."""
    for _, start, end in reversed(archives_in(text)):
        text = f"{text[:start]}{' ' * (end - start)}{text[end:]}"
    return " ".join(text.split())


def format_name(word: str) -> str:
    """png, jpeg, dicom, ... or csv, txt, ...; "" for what is no format."""
    bare = word.lower().strip(" .*`'\"")
    return IMAGE_FORMATS.get(bare, bare if bare in OTHER_FORMATS else "")


def singular(word: str) -> str:
    """The word without an s at its end: lungs is lung."""
    lower = word.lower().strip()
    return lower[:-1] if lower.endswith("s") and not lower.endswith(("ss", "us", "is")) else lower
