"""The vocabularies of the field. Labels are read by name: several orders of them circulate."""

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

# View Position (0018,5101) of a frontal radiograph; the rule that selected CXLSeg's images.
FRONTAL_VIEWS = ("PA", "AP")

# Whether the lung mask holds the lung behind the heart. Scores are never averaged over both.
MaskConvention = Literal["excluded", "included"]
MASK_CONVENTIONS: tuple[MaskConvention, ...] = get_args(MaskConvention)

# open: free to pass on with attribution; registered: after an agreement with its publisher;
# credentialed: a data use agreement that also covers everything derived from it.
LicenceClass = Literal["open", "registered", "credentialed"]

# The names of MIMIC-CXR's split table.
Split = Literal["train", "validate", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
