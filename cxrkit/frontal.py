"""Which images of an archive are frontal radiographs, by its tables and by the files themselves."""

from cxrkit import terms
from cxrkit.archives import Archive
from cxrkit.records import Record

# The values of View Position seen in the archives; any other text is not repeated in a message.
_VIEWS = frozenset(
    {"AP", "PA", "LATERAL", "LL", "RL", "LAO", "RAO", "LPO", "RPO", "AP AXIAL", "AP LLD", "PA LLD",
     "AP RLD", "PA RLD", "XTABLE LATERAL", "SWIMMERS", "L5 S1"}
)  # fmt: skip

# Files that state their view themselves: where the archive's list has none, they are read first.
_STATE_THEIR_VIEW = (".dcm", ".dicom", ".dcm.gz")


def rule_against(view: str, blank_is_frontal: bool) -> str:
    """The rule by which an image of this view is skipped; empty where it is used.

    Args:
        view: as the archive's tables or the file say, empty where neither does.
        blank_is_frontal: of the archive's card: without a view it is frontal.
    """
    if view in terms.FRONTAL_VIEWS or (blank_is_frontal and not view):
        return ""
    if not view:
        return "view-unknown"
    return f"view-not-frontal:{view if view in _VIEWS else 'other'}"


def rule_of(record: Record, archive: Archive) -> str:
    """The rule by which the archive's tables alone skip an image.

    Empty also where its row is corrupt, and where its file will say the view.
    """
    if record.fault or (not record.view and record.image.lower().endswith(_STATE_THEIR_VIEW)):
        return ""
    return rule_against(record.view, archive.CARD.blank_view_is_frontal)
