"""How numbers and names are written on the pages. A null is a dash, never a zero."""

from __future__ import annotations

from markupsafe import Markup, escape

NONE = "–"


def percent(value: float | None) -> str:
    """A share or score of 0 to 1 as percent with one decimal, without the sign: 0.8125 → 81.2."""
    return NONE if value is None else f"{100 * value:.1f}"


def points(value: float | None) -> str:
    """A difference of scores in percentage points, signed: 0.021 → +2.1."""
    if value is None:
        return NONE
    text = f"{100 * value:+.1f}"
    return text.replace("-", "−") if float(text) else "0.0"


def p_value(value: float) -> str:
    """A p-value to three decimals, or `< 0.001`."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def count(value: float | None) -> str:
    """A count with thousands set apart by a thin space."""
    return NONE if value is None else f"{value:,.0f}".replace(",", "\u202f")


def duration(seconds: float | None) -> str:
    """Seconds as a person would say them: 4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds is None:
        return NONE
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def watt_hours(value: float | None) -> str:
    """Energy with two decimals, in kWh from a thousand Wh on: 0.14 Wh, 1.20 kWh, < 0.01 Wh."""
    if value is None:
        return f"{NONE} Wh"
    if 0 < value < 0.01:
        return "< 0.01 Wh"
    return f"{value / 1000:.2f} kWh" if value >= 1000 else f"{value:.2f} Wh"


def several(n: int, one: str, many: str | None = None) -> str:
    """A count with its noun: `1 seed`, `3 seeds`."""
    return f"{n} {one}" if n == 1 else f"{count(n)} {many or one + 's'}"


def breakable(name: str) -> Markup:
    """A name, escaped, that may be broken after each underscore: class names can outgrow a phone's width."""
    return Markup("_<wbr>").join(escape(part) for part in name.split("_"))
