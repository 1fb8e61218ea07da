"""File names of sample-view images."""

from datetime import datetime

import pytest

from segmill.datasets.click_names import NameFacts, parse_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "100161_Fri_Jul_12_21:33:25_2019_double_click_zoom_5_y_573_x_682",
            NameFacts(
                "double_click", "100161", datetime(2019, 7, 12, 21, 33, 25), 5, None, (573, 682)
            ),
        ),
        (
            "100161_Wed_Feb__6_202122_2019_manual_omega_210.00_zoom_9_y_486_x_670",
            NameFacts("manual", "100161", datetime(2019, 2, 6, 20, 21, 22), 9, 210, (486, 670)),
        ),
        (
            "100161_Wed_Jul_21_081341_2021_color_zoom_10_298.72",
            NameFacts("color", "100161", datetime(2021, 7, 21, 8, 13, 41), 10, 298.72, None),
        ),
        (
            "autocenter_100161_Mon_Jul_27_20:53:57_2020_bright_failed",
            NameFacts("autocenter_bright_failed", "100161", datetime(2020, 7, 27, 20, 53, 57)),
        ),
        (
            "manual_omega_-0.50_zoom_1_y_-3_x_7.25",
            NameFacts("manual", None, None, 1, -0.5, (-3, 7.25)),
        ),
        ("background_mako_px2_zoom_10", NameFacts("background_mako_px2", None, None, 10)),
        ("Mon_Jul_27_20_53_57_2020", NameFacts("", None, datetime(2020, 7, 27, 20, 53, 57))),
        ("field_7", NameFacts("field_7")),
        # Words that merely contain the signs of a fact.
        ("body_1_x_2_zoomed_3_omegas_4", NameFacts("body_1_x_2_zoomed_3_omegas_4")),
    ],
)
def test_facts(name, expected):
    assert parse_name(name) == expected


def test_family():
    names = [
        "100161_Fri_Jul_12_21:33:25_2019_double_click_zoom_5_y_573_x_682",
        "100161_Fri_Jul_12_21:34:02_2019_double_click_zoom_8_y_500_x_600",
        "100162_Fri_Jul_12_21:34:02_2019_double_click_zoom_8_y_500_x_600",
        "100161_Fri_Jul_12_213325_2019_color_zoom_1_0.00",
    ]
    facts = [parse_name(name) for name in names]
    days = [fact.family("day") for fact in facts]
    assert days == ["100161_2019-07-12", days[0], "100162_2019-07-12", days[0]]
    times = [fact.family("time") for fact in facts]
    assert times[0] == times[3] == "100161_2019-07-12T213325"
    assert len(set(times)) == 3
    assert parse_name("field_7").family("day") is None


def test_a_date_that_does_not_exist():
    with pytest.raises(ValueError, match="day"):
        parse_name("100161_Wed_Feb_30_20:21:22_2019_manual")
