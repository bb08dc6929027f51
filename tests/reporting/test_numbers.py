from crisisweave.reporting import numbers


def test_numbers_as_a_person_writes_them() -> None:
    assert numbers.percent(0.8125) == "81.2"
    assert numbers.points(0.021) == "+2.1"
    assert numbers.points(-0.0349) == "−3.5"
    assert numbers.points(-0.0001) == "0.0"
    assert numbers.p_value(0.0004) == "< 0.001"
    assert numbers.p_value(0.0312) == "0.031"
    assert numbers.count(1234567) == "1\u202f234\u202f567"
    assert numbers.several(1, "seed") == "1 seed"
    assert numbers.several(2000, "row") == "2\u202f000 rows"
    assert [numbers.duration(s) for s in (4.24, 59.99, 200, 7500)] == [
        "4.2 s",
        "60.0 s",
        "3 min 20 s",
        "2 h 5 min",
    ]
    assert [numbers.watt_hours(v) for v in (None, 0, 0.004, 0.1433, 1204)] == [
        "– Wh",
        "0.00 Wh",
        "< 0.01 Wh",
        "0.14 Wh",
        "1.20 kWh",
    ]


def test_what_is_not_known_is_a_dash_and_never_a_zero() -> None:
    for write in (numbers.percent, numbers.points, numbers.count, numbers.duration):
        assert write(None) == "–"
        assert write(0) != "–"


def test_long_names_may_break_after_underscores_and_stay_escaped() -> None:
    assert numbers.breakable("not_<b>_x") == "not_<wbr>&lt;b&gt;_<wbr>x"
