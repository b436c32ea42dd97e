import hashlib
from collections import Counter

from cxrkit.pipeline import identifiers
from cxrkit.records import Record


def test_numbers_have_the_shape_of_mimic_and_do_not_depend_on_order():
    keys = [f"patient {n}" for n in range(500)]
    given = identifiers.numbers("shenzhen", "1", keys, set())
    assert given == identifiers.numbers("shenzhen", "1", reversed(keys), set())
    assert all(len(n) == 8 and n[0] == "1" and n.isdigit() for n in given.values())
    assert len(set(given.values())) == 500


def test_number_is_the_first_64_bits_of_a_sha256():
    text = b'["number", "5", "v7", "image x"]'
    expected = int.from_bytes(hashlib.sha256(text).digest()[:8], "big") % 10_000_000
    given = identifiers.numbers("v7", "5", ["image x"], set())
    assert given == {"image x": f"5{expected:07d}"}


def test_colliding_keys_take_the_next_free_number(monkeypatch):
    monkeypatch.setattr(identifiers, "_hash", lambda *words: 9_999_998)
    given = identifiers.numbers("x", "1", ["c", "a", "b"], {"19999998"})
    assert given == {"a": "19999999", "b": "10000000", "c": "10000001"}


def test_image_number_is_forty_hex_digits_in_five_groups():
    number = identifiers.image_number("guangzhou", "person1_virus_6")
    assert [len(group) for group in number.split("-")] == [8] * 5
    assert number != identifiers.image_number("v7", "person1_virus_6")
    record = Record("mimic-cxr-jpg", number, "x.jpg", "10000032", "50414267")
    assert identifiers.are_mimic(record)


def test_only_records_with_all_three_shapes_are_mimic():
    image = identifiers.image_number("a", "b")
    assert not identifiers.are_mimic(Record("a", image, "x.jpg", "20000032", "50414267"))
    assert not identifiers.are_mimic(Record("a", image, "x.jpg", "10000032", ""))
    assert not identifiers.are_mimic(Record("a", image[:-1], "x.jpg", "10000032", "50414267"))


def test_a_patient_and_an_image_of_the_same_name_are_two():
    assert identifiers.patient_key(Record("a", "7", "7.png")) != identifiers.patient_key(
        Record("a", "8", "8.png", patient_id="7")
    )


def test_split_is_eighty_ten_ten_and_depends_on_the_patient_and_seed_alone():
    patients = [f"patient {n}" for n in range(20_000)]
    splits = [identifiers.split_of(0, "v7", p) for p in patients]
    counts = Counter(splits)
    # 4 standard deviations of a binomial with n = 20,000
    assert abs(counts["train"] - 16_000) < 4 * 57
    assert abs(counts["validate"] - 2_000) < 4 * 43
    assert abs(counts["test"] - 2_000) < 4 * 43
    assert splits[:50] == [identifiers.split_of(0, "v7", p) for p in patients[:50]]
    assert splits != [identifiers.split_of(1, "v7", p) for p in patients]


def test_split_thresholds_are_exact_at_the_borders(monkeypatch):
    validate, test = (8 << 64) // 10 + 1, (9 << 64) // 10 + 1
    edges = {0: "train", validate - 1: "train", validate: "validate", test - 1: "validate"}
    edges |= {test: "test", 2**64 - 1: "test"}
    for value, expected in edges.items():
        monkeypatch.setattr(identifiers, "_hash", lambda *words, value=value: value)
        assert identifiers.split_of(0, "a", "b") == expected
