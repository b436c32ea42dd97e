"""What is recorded about some archives besides counts: splits, dates, addresses, sizes, errata.

Counts are claims of the adapters. Here is what an audit of the pages that describe these archives
needs beyond them, each entry with its source. Nothing that is unverified is recorded.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Correction:
    """What is known against, or about, a sentence in which all patterns occur and `absent` none."""

    present: tuple[str, ...]
    found: str
    why: str
    source: str
    absent: str = r"(?!)"
    false: bool = True  # or nobody can tell

    def meets(self, sentence: str) -> bool:
        """The sentence is about this."""
        if re.search(self.absent, sentence, re.IGNORECASE):
            return False
        return all(re.search(p, sentence, re.IGNORECASE) for p in self.present)


@dataclass(frozen=True)
class Facts:
    """Recorded facts of one archive; what is empty is not recorded."""

    no_split: str = ""  # why there is no official split
    dates: tuple[str, ...] = ()  # of its parts, where there are several
    addresses: tuple[str, ...] = ()  # hosts with the start of the path
    smallest: tuple[int, int] | None = None  # pixels: columns, rows; each side by itself
    largest: tuple[int, int] | None = None
    bits: int | None = None
    formats: tuple[str, ...] = ()  # of the images, where the release has several forms
    categories: tuple[int, ...] = ()
    shares: tuple[tuple[str, float], ...] = ()  # (pattern of what has it, percent)
    folders: int | None = None
    sub_folders_each: int | None = None
    rate: float | None = None  # learning rate in the published code
    exclusive: bool = False  # an image is of one class, whatever labels there are
    corrections: tuple[Correction, ...] = ()
    source: str = ""


_EQUALISED = Correction(
    (r"normali[sz]|bit[- ]depth|8[- ]?bit", r"jpe?g"),
    "also histogram equalisation",
    "the sentence leaves out the histogram equalisation, which changes every gray value",
    "MIT-LCP/mimic-cxr#16; release page of MIMIC-CXR-JPG",
    absent=r"equali[sz]",
)
_MIMIC = Facts(
    dates=("2019",),  # of 2.0.0
    addresses=("physionet.org/content/mimic-cxr", "physionet.org/files/mimic-cxr",
               "arxiv.org/abs/1901.07042", "arxiv.org/pdf/1901.07042",
               "doi.org/10.13026/8360-t248", "doi.org/10.13026/jsn5-t979",
               "doi.org/10.1038/s41597-019-0322-0"),
    bits=8,
    formats=("dicom", "jpeg"),
    folders=10,
    sub_folders_each=6500,
    # Recounted on the 227,835 reports of 2.0.0; the page prints those of a version before.
    shares=(
        (r"\bnot?\b.*(?:impression|findings)|neither|without", 4.6),
        (r"impression", 83.2),
        (r"findings", 12.2),
    ),
    corrections=(
        Correction(
            (r"chexpert", r"label", r"determin|deriv|obtain|generat|extract|labell?ed with|using"),
            "CheXpert and NegBio labels",
            "the release has the labels of both programs",
            "files of MIMIC-CXR-JPG 2.0.0",
            absent=r"negbio",
        ),
        Correction(
            (r"\bfuture\b|plans? to|will be (?:released|published|available)", r"dicom|reports?"),
            "released in 2019",
            "MIMIC-CXR 2.0.0 has the DICOM files and the reports",
            "10.1038/s41597-019-0322-0",
        ),
        _EQUALISED,
    ),
    source="release pages of MIMIC-CXR and MIMIC-CXR-JPG 2.0.0",
)  # fmt: skip

_CODE = "published code, github.com/Wimukti/CXLSeg"

FACTS: Mapping[str, Facts] = {
    "shenzhen": Facts(
        no_split="neither the images (Jaeger 2014) nor the masks (Stirenko 2018) come with one",
        dates=("2014", "2018"),  # images and readings; masks
        addresses=("lhncbc.nlm.nih.gov", "kaggle.com/datasets/yoctoman", "kaggle.com/yoctoman",
                   "ieeexplore.ieee.org", "arxiv.org/abs/1803.01199", "doi.org/10.1109/TMI.2013"),
        smallest=(989, 1225),
        largest=(3001, 3001),
        source="release page of the National Library of Medicine; Stirenko 2018",
    ),
    "guangzhou": Facts(
        dates=("2018",),
        addresses=("data.mendeley.com/datasets/rscbjbr9sj", "doi.org/10.17632/rscbjbr9sj",
                   "kaggle.com/datasets/paultimothymooney", "kaggle.com/paultimothymooney"),
        smallest=(384, 127),
        largest=(2916, 2713),
        exclusive=True,
        source="MedMNIST (10.1038/s41597-022-01721-8)",
    ),
    "siim-acr": Facts(
        addresses=("kaggle.com/competitions/siim-acr-pneumothorax-segmentation",
                   "kaggle.com/c/siim-acr-pneumothorax-segmentation",
                   "kaggle.com/datasets/vbookshelf/pneumothorax-chest-xray-images-and-masks",
                   "kaggle.com/vbookshelf/pneumothorax-chest-xray-images-and-masks", "siim.org"),
        smallest=(1024, 1024),
        largest=(1024, 1024),
        bits=8,
        formats=("dicom", "png"),
        source="DICOM and PNG form of the release",
    ),
    "chestx-ray14": Facts(
        dates=("2017",),
        addresses=("nihcc.app.box.com", "arxiv.org/abs/1705.02315", "arxiv.org/pdf/1705.02315",
                   "nih.gov", "doi.org/10.1109/CVPR.2017.369",
                   "kaggle.com/datasets/nih-chest-xrays", "kaggle.com/nih-chest-xrays"),
        smallest=(1024, 1024),
        largest=(1024, 1024),
        bits=8,
        source="release of the NIH Clinical Center",
    ),
    "mimic-cxr-jpg": _MIMIC,
    "mimic-cxr": _MIMIC,
    "cxlseg": Facts(
        dates=("2023-02-08",),
        addresses=("physionet.org/content/chest-x-ray-segmentation",
                   "physionet.org/files/chest-x-ray-segmentation", "doi.org/10.13026/9cy4-f535",
                   "github.com/Wimukti/CXLSeg"),
        smallest=(224, 224),
        largest=(224, 224),
        folders=10,
        sub_folders_each=6500,
        rate=1e-5,
        corrections=(
            Correction(
                (r"negbio", r"label"),
                "one set of 14 labels, CheXpert's",
                "labels of NegBio are promised and not among the columns",
                "column list of the CXLSeg release",
            ),
            Correction(
                (r"\bcode\b|repository|github", r"report[- ]generation|classification|\btasks?\b"),
                "no model file, and nothing that trains report generation",
                "the repository has a segmentation and a classification script and splits",
                _CODE,
            ),
            Correction(
                (r"\bevery|\beach|\ball", r"text files?", r"\bage\b|gender|\bsex\b"),
                "text files in Shenzhen and Montgomery only",
                "V7 has tags in JSON files",
                "releases of the three sets",
            ),
            Correction(
                (r"sa-?unet", r"train|achiev|obtain|reach|model|architect|network|backbone"),
                "a U-Net of 31,055,297 parameters",
                "the network that is trained there is no SA-UNet",
                _CODE,
                absent=r"\brepository\b",
            ),
            Correction(
                (r"augment", r"split|divided|partition"),
                "",
                "augmented before it is split: copies of one image can be in training and test",
                "the order in the sentence itself",
                false=False,
            ),
            Correction(
                (r"\bnot\b", r"examined|verified|reviewed|checked"),
                "",
                "no figure of the masks' quality is published",
                "release page of CXLSeg",
                false=False,
            ),
        ),
        source="release page of CXLSeg 1.0.0",
    ),
    "v7": Facts(exclusive=True, source="README of v7labs/covid-19-xray-dataset"),
    "open-i": Facts(
        formats=("dicom", "png"), source="release page of Open-i",
        addresses=("openi.nlm.nih.gov", "ncbi.nlm.nih.gov/pmc/articles/PMC5009925",
                   "doi.org/10.1093/jamia/ocv080"),
    ),
    "padchest": Facts(
        categories=(174, 19, 104, 193), source="Bustos 2020 (arXiv:1901.07441)",
        addresses=("bimcv.cipf.es", "arxiv.org/abs/1901.07441"),
    ),
}  # fmt: skip

# Two releases of the same images: what is said of the first is also true of the second.
SAME = {"mimic-cxr": "mimic-cxr-jpg", "mimic-cxr-jpg": "mimic-cxr"}


def of(name: str) -> Facts:
    """The recorded facts of an archive; empty where there are none."""
    return FACTS.get(name, _NONE)


_NONE = Facts()
