"""The vocabularies of the field. Labels are read by name: several orders of them circulate."""

from collections.abc import Mapping
from typing import Literal, get_args

# The 14 observations, in the order of the CheXpert labeler's output (Irvin 2019, arXiv:1901.07031).
OBSERVATIONS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Lesion",
    "Lung Opacity",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)

# Names that archives give to one of the 14 observations, in lower case.
_SAME = {
    "effusion": "Pleural Effusion",  # ChestX-ray14, PadChest
    "no finding": "No Finding",
    "airspace opacity": "Lung Opacity",  # the radiologist's labels of MIMIC-CXR-JPG 2.1.0
}
_BY_NAME = _SAME | {name.lower(): name for name in OBSERVATIONS}


def observations(labels: Mapping[str, int]) -> dict[str, int]:
    """The labels that are one of the 14 observations, under its name; all others are left out.

    Names are compared without case: "Pleural effusion" of VinDr-CXR is "Pleural Effusion". A wider
    or narrower term ("Infiltration", "Nodule") is not the same observation.
    """
    named = (
        (_BY_NAME.get(name.lower().replace("_", " ")), value) for name, value in labels.items()
    )
    return {name: value for name, value in named if name is not None}


# View Position (0018,5101) of a frontal radiograph; the rule that selected CXLSeg's images. FRONTAL
# is no DICOM term: a table says that it is PA or AP, and not which.
FRONTAL_VIEWS = ("PA", "AP", "FRONTAL")

# Whether the lung mask holds the lung behind the heart. Scores are never averaged over both.
MaskConvention = Literal["excluded", "included"]
MASK_CONVENTIONS: tuple[MaskConvention, ...] = get_args(MaskConvention)
# Of an archive's own masks. "mixed" is neither: nothing is trained on them and no score made.
PublishedConvention = Literal["excluded", "included", "mixed"]
PUBLISHED_CONVENTIONS: tuple[PublishedConvention, ...] = get_args(PublishedConvention)

# open: free to pass on with attribution; unchanged: free to pass on as it is, nothing made from it;
# registered: after an agreement with its publisher; credentialed: a data use agreement that also
# covers everything derived from it.
LicenceClass = Literal["open", "unchanged", "registered", "credentialed"]

# The names of MIMIC-CXR's split table.
Split = Literal["train", "validate", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
