"""What a run came to, as it is printed: written out by hand for each way to end."""

from pathlib import Path

import pytest

from cxrkit.pipeline import summary
from cxrkit.pipeline.summary import Summary


def ended(status: str, code: int = 0, **quarantined: int) -> Summary:
    return Summary(status, Path("/o"), 7, 4, quarantined, {"view-unknown": 2}, code)


@pytest.mark.parametrize(
    ("found", "outcome", "into", "text"),
    [
        (
            ended("built"), "built", "built",
            "Built /o\n        7 images listed\n        4 built\n        2 skipped: view-unknown\n"
            "Look here.",
        ),
        (
            ended("already-converted", 3, E210=1), "converted", "converted into",
            "Nothing to do: already converted into /o\n        7 images listed\n"
            "        4 converted\n        2 skipped: view-unknown\n"
            "        1 quarantined: E210 empty-file\nLook here.\n"
            "quarantine.csv says what is wrong with each unusable file and what to do.",
        ),
        (
            ended("interrupted", 130, E210=1), "converted", "converted into",
            "Interrupted; run the same command again to go on with /o\n"
            "        7 images listed\n        4 converted\n        2 skipped: view-unknown\n"
            "        1 quarantined: E210 empty-file",
        ),
    ],
)  # fmt: skip
def test_the_counts_are_told_one_to_a_line(
    found: Summary, outcome: str, into: str, text: str
) -> None:
    assert summary.as_text(found, outcome, into, "Look here.") == text


def test_json_has_the_number_of_what_is_done_under_the_work_s_word() -> None:
    text = summary.as_json(ended("converted", 3, E210=1), "converted")
    assert text == (
        '{"status": "converted", "out": "/o", "inputs": 7, "converted": 4, '
        '"quarantined": {"E210": 1}, "skipped": {"view-unknown": 2}, "exit_code": 3}'
    )
