import itertools

import pytest

from emdviz.datasets.order import UnknownOrderError, is_missing, order_classes

KNOWN = {
    "numbers": ["1", "2", "10"],
    "signs": ["-10", "-2", "0", "+2"],
    "minus signs": ["\N{MINUS SIGN}5", "0", "5"],
    "decimals": ["8.5", "9", "10.25"],
    "decimal commas": ["0,25", "1,5", "2"],
    "thousands": ["900", "1,000", "2,500", "10,000"],
    "continental thousands": ["20", "1.000.000"],
    "spaces between thousands": ["200", "1 000", "10 000"],
    "units": ["5%", "10%", "20 %"],
    "singular and plural": ["1 star", "2 stars", "10 stars"],
    "words before": ["Grade 2", "grade 10"],
    "ordinals": ["1st", "2nd", "3rd", "10th"],
    "money": ["$5", "$10"],
    "ranges": ["<18", "18-30", "31-60", ">60"],
    "ranges in words": ["Under 18", "18 to 64", "65 years or older"],
    "open ranges": ["0-2", "4-6", "8-13", "60+"],
    "ranges in brackets": ["(0, 2)", "(4, 6)", "(60, 100)"],
    "negative ranges": ["-10--5", "-4-0", "1-3"],
    "long dashes": ["5\N{EN DASH}9", "10\N{EN DASH}19"],
    "touching ranges": ["0.1-0.3", "0.3-0.65", "0.65-0.9"],
    "limits": ["\N{LESS-THAN OR EQUAL TO}18", ">18"],
    "numbers and ranges": ["0", "1-2", "3 or more"],
    "Roman numerals": ["I", "II", "IV", "V", "IX"],
    "stages": ["Stage I", "Stage II", "Stage III"],
    "sizes": ["XS", "S", "M", "L", "XL", "XXL"],
    "some sizes": ["M", "L", "XL"],
    "sizes in words": ["small", "medium", "large"],
    "months": ["January", "March", "May", "December"],
    "short months": ["Jan", "Feb", "Nov"],
    "levels": ["low", "medium", "high"],
    "risks": ["low risk", "high risk", "very high risk"],
    "severities": ["none", "mild", "moderate", "severe"],
    "frequencies": ["never", "rarely", "sometimes", "often", "always"],
    "grades": ["F", "C-", "C", "B+", "A-", "A", "A+"],
}


@pytest.mark.parametrize("right", KNOWN.values(), ids=KNOWN)
def test_numbers_and_known_words_are_put_in_order_whatever_order_they_come_in(right):
    for names in itertools.islice(itertools.permutations(right), 0, 5000, 97):
        order = order_classes(names)
        assert order.classes == right
        assert order.index == {name: k for k, name in enumerate(right)}
        assert order.note.startswith("classes are in order as ")


@pytest.mark.parametrize(
    "names",
    [
        ["cat", "dog"], ["good", "bad", "fair"], ["no", "yes"], ["A", "B", "C"], ["C", "D"],
        ["3 kg", "500 g"], ["1 day", "2 weeks"], ["grade 1", "stage 2"], ["<18", "5-10", "20"],
        ["1+", "1", "2"], ["1-3", "2-4"], ["30-18", "40-50"], ["1.500", "900"], ["a1", "b2"],
        ["medium", "moderate", "low"], ["May", "high"], ["2001-01-02", "2001-02-03"], ["1", "one"],
        ["4", "4.0"], ["1", "x"],
    ],
)  # fmt: skip
def test_every_other_set_of_names_is_refused_with_classes_to_paste(names):
    with pytest.raises(UnknownOrderError, match=r"pass classes=\[") as caught:
        order_classes(names)
    pasted = str(caught.value).rpartition("classes=")[2]
    assert sorted(eval(pasted)) == sorted(names) == caught.value.names


def test_spellings_of_one_value_are_one_class_and_the_note_says_so():
    order = order_classes(["1", "1.0", "2", "2.0", "3", "3.0", "03"])
    assert order.classes == ["1", "2", "3"]
    assert order.positions == [1, 2, 3]
    assert order.index["3.0"] == order.index["03"] == 2
    assert "spellings of one class: 1/1.0, 2/2.0, 3/03/3.0" in order.note
    assert order_classes(["Low", "low", "HIGH"]).index == {"Low": 0, "low": 0, "HIGH": 1}


def test_only_plain_numbers_have_positions():
    assert order_classes(["10 years", "2 years"]).positions == [2, 10]
    assert order_classes(["0-2", "4-6"]).positions is None
    assert order_classes(["low", "high"]).positions is None


@pytest.mark.parametrize("name", ["", " ", "NaN", "N/A", "NULL", "missing", "?", "<NA>", "-"])
def test_words_for_missing_values_are_no_classes(name):
    assert is_missing(name)
    with pytest.raises(ValueError, match="stands for a missing value and is no class"):
        order_classes(["1", "2", name])


def test_an_error_does_not_repeat_names_without_end():
    with pytest.raises(UnknownOrderError) as caught:
        order_classes([f"{'x' * 1000}{k}y{k}" for k in range(1000)])
    assert len(str(caught.value)) < 4000
