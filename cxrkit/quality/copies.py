"""Which images are augmented copies, as far as file names tell.

    aug_X  flip_X  rotated_15_X  X_flip  X-rot90  X_aug_3  X_copy  X (2)   a word before or after X
    X_1  X_2  beside X itself                                              numbers of one name
    X_png.rf.<32 hexadecimal digits>                                       Roboflow's exports
    class_original_X.png_<UUID>.png                                        Augmentor's output

A published archive numbers images of one patient in much the same way (00000001_000 of NIH,
person23_bacteria_1 of Guangzhou), and Guangzhou has IM-0540-0001-0002 beside IM-0540-0001. So an
image whose patient is known is nobody's copy here: what it shares is told by its patient.
"""

import re

import polars as pl

_WORDS = (
    r"(?:h|v|horizontal|vertical)[_\- ]?flip|aug|augmented|augment|copy|flip|flipped|mirror|"
    "mirrored|rot|rotate|rotated|rotation|shift|shifted|translate|translated|zoom|zoomed|crop|"
    "cropped|shear|sheared|scale|scaled|noise|noisy|blur|blurred|bright|brightness|contrast|gamma|"
    "elastic|jitter"
)
_HOW = r"(?:h|v|lr|ud|horizontal|vertical|left|right|[+-]?\d{1,4})"  # or how far
_WORD = rf"(?:{_WORDS})\d{{0,4}}(?:[_\-. ]{_HOW})*"
_BEFORE = re.compile(rf"({_WORD})[_\- ]+(.+)", re.I)
_AFTER = re.compile(rf"(.+?)[_\-. ]+({_WORD})", re.I)
_NUMBERED = re.compile(r"(.+?)(?:[_-]\d{1,4}| ?\(\d{1,4}\))")
_ROBOFLOW = re.compile(r"(.+)_(?:png|jpe?g)\.rf\.[0-9a-f]{32}")
_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_AUGMENTOR = re.compile(rf".*?_original_(.+)\.(?:png|jpe?g)_{_UUID}")
# Of `folder`: the digits that its adapter adds to a stem; with them no two names are alike.
_FOLDER_DIGITS = r"-[0-9a-f]{8}$"
SPECIFIC = 6  # characters of a name from which it means the same image in two sources


def bases(images: pl.DataFrame) -> pl.DataFrame:
    """`row`, `base` and `evidence` of each copy and of each image that a copy was made of.

    `base` is the name without what made it a copy, with the source in front where it is too short
    to mean the same in another one; `evidence` is what the name shows, "" for the original.

    Args:
        images: `row`, `source`, `archive`, `image_id`, `patient_id`.
    """
    stem = pl.col("image_id")
    stem = pl.when(pl.col("archive") == "folder").then(stem.str.replace(_FOLDER_DIGITS, ""))
    named = images.select(
        "row", "source", stem.otherwise(pl.col("image_id")).alias("stem"),
        (pl.col("patient_id") == "").alias("unknown"),
    )  # fmt: skip
    stems = set(named["stem"])
    suspects = named.filter("unknown")["stem"].unique()
    found = [(s, *made) for s in suspects if (made := base_of(s, stems))]
    schema = dict.fromkeys(("stem", "base", "evidence"), pl.String)
    told = pl.DataFrame(found, schema, orient="row")
    copied = named.filter("unknown").join(told, on="stem")
    # One name in several places, such as 1.png in two classes, may be several images.
    once = named.join(copied.select("row"), on="row", how="anti").filter(
        pl.len().over("source", "stem") == 1
    )
    own = once.join(told.select("base").unique(), left_on="stem", right_on="base")
    own = own.with_columns(pl.col("stem").alias("base"), pl.lit("").alias("evidence"))
    several = named.join(once, on=("source", "stem"), how="anti").select(
        "source", pl.col("stem").alias("base")
    )
    copied = copied.join(several.unique(), on=("source", "base"), how="anti")
    short = pl.col("base").str.len_chars() < SPECIFIC
    base = pl.when(short).then(pl.col("source") + " " + pl.col("base")).otherwise(pl.col("base"))
    both = pl.concat([copied, own], how="diagonal").with_columns(base.alias("base"))
    return both.select("row", "base", "evidence").sort("row")


def base_of(stem: str, stems: set[str]) -> tuple[str, str] | None:
    """The name that a copy's name is made of, and what shows it; None where nothing does.

    Args:
        stem: of the file.
        stems: of all files: a number makes a copy only beside the file without it.
    """
    if made := _ROBOFLOW.fullmatch(stem) or _AUGMENTOR.fullmatch(stem):
        return made[1], "name of an augmentation tool"
    base, words = stem, list[str]()
    while found := _BEFORE.fullmatch(base):
        base, words = found[2], [*words, found[1]]
    while found := _AFTER.fullmatch(base):
        base, words = found[1], [*words, found[2]]
    if words:
        return base, " ".join(words)
    numbered = _NUMBERED.fullmatch(stem)
    if numbered and numbered[1] in stems:
        return numbered[1], "number"
    return None
