import pytest

from cxrkit.errors import InputRefused, ItemFault
from cxrkit.pipeline import quarantine

FAULT = ItemFault("E214", "x", "it ends early\nhere", "a whole file", "copy it again")


def test_a_row_has_the_columns_of_the_table_and_one_line():
    row = quarantine.row(FAULT, "abc", "a/b\u001b.png")
    assert tuple(row) == quarantine.COLUMNS
    assert row["message"] == "it ends early\\nhere (expected a whole file)"
    assert row["relpath"] == "a/b\\x1b.png" and row["retriable"] == "false"


@pytest.mark.parametrize(
    ("text", "images", "most"),
    [("", 100, 50), ("", 10_000, 500), ("7", 100, 7), ("0", 100, 0), ("2%", 1_000, 20),
     ("0.5%", 1_000, 5), ("100%", 10, 10)],
)  # fmt: skip
def test_limits(text, images, most):
    assert quarantine.limit(text, images) == most


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "101%", "%", "5 %", "1e3", "٣"])
def test_other_limits_are_refused(text):
    with pytest.raises(InputRefused) as refused:
        quarantine.limit(text, 100)
    assert refused.value.code == "E107"


def test_too_many_names_the_codes_with_counts():
    message = str(quarantine.too_many({"E214": 40, "E210": 12}, 50))
    assert "52 items" in message and "truncated-image (E214) 40" in message
    assert "empty-file (E210) 12" in message and "at most 50" in message
