"""One checkable statement of a dataset card, as it was read: nothing in it is judged yet."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "count",  # so many images, patients, masks, ...: `values` has one number
    "sum",  # several counts and what they add up to: parts, then the sum that was stated or 0
    "percentage",  # so many percent of something
    "ratio",  # sizes of the splits: shares of one, `words` are the names of the splits
    "size",  # two sides in pixels; `unit` is min, median, max, mean or every
    "bits",  # bits of a pixel
    "format",  # a file format or suffix in `words`
    "categories",  # how many labels there are
    "labels",  # the names of labels in `words`
    "structure",  # an anatomical structure in `words`
    "area",  # an anatomical area in `words`
    "coverage",  # percent of the images that have a mask
    "each",  # every image has one of what `unit` names
    "overlap",  # no patient is in two splits
    "date",  # of publication, in `words`
    "source",  # an address in `words`; `unit` is what the card calls it
    "metric",  # a score; `unit` is dice, iou, precision, recall or f1; 0 to 1
    "path",  # a path or a pattern of paths in `words`
    "file",  # a table or text file in `words`; `values` are the lines that describe it
    "folders",  # so many folders; `unit` is folders or sub-folders
    "rate",  # a learning rate
    "making",  # how data, labels or masks were made, reviewed or are to be released
]


@dataclass(frozen=True)
class Statement:
    """What one place of a card says.

    `subject` are the words for what is counted, as they stand; `after` those that follow and may
    restrict it ("with tuberculosis"). `about` are the archives that the sentence or the heading
    names, () where it names none, and `part` says that the archive named is where the images come
    from. `context` is the sentence, or the line of the table.
    """

    line: int
    section: str
    text: str
    kind: Kind
    subject: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    unit: str = ""
    words: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    part: bool = False
    loose: bool = False  # the number stands behind "on", "for" and the like: a part may be meant
    quoted: bool = False  # the card reports it as another's, or calls it wrong
    hedge: str = ""
    step: float = 1.0  # weight of the last digit: 0.01 for 22.15, 1000 for 224K
    context: str = ""
    table: int = 0  # the line of the table it is a cell of; 0 for prose
