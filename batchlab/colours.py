"""What each colour means, on light pages and on dark ones.

States, runs, activities and reasons name a role, which every display, picture and figure looks up
here; a page has the roles as CSS custom properties (`css`). The hues are Okabe and Ito's
colour-blind-safe palette. A letter or a word always says the same as the colour.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PINK",
    "ROLES",
    "SKY",
    "VERMILLION",
    "Role",
    "css",
    "either",
    "ink_on",
    "light",
]


BLUE, SKY, GREEN = "#0072b2", "#56b4e9", "#009e73"
ORANGE, VERMILLION, PINK, GREY = "#e69f00", "#d55e00", "#cc79a7", "#999999"
"""The palette for things without a state: kinds of things, and lines of charts."""


class Role(NamedTuple):
    """The meaning of a colour, and the colour on light and dark pages."""

    means: str
    light: str
    dark: str


ROLES = {
    "idle": Role("ready, with nothing to do", "#ffffff", "#3b4048"),
    "faint": Role("the same, where it is too small for an outline", "#dadfe5", "#4a505a"),
    "good": Role("runs tasks, or succeeded", GREEN, GREEN),
    "going": Role("a run in progress", "#6fcfb2", "#6fcfb2"),
    "starting": Role("starting", "#f0d93a", "#f0e442"),
    "preparing": Role("is being prepared", SKY, SKY),
    "failed": Role("failed: action needed", VERMILLION, "#e0690c"),
    "trouble": Role("went wrong, handled automatically", ORANGE, ORANGE),
    "others": Role("taken by others", "#b36b00", "#b36b00"),
    "aside": Role("set aside, or completed", BLUE, "#2b8fd0"),
    "leaving": Role("leaving, or cleaning up", PINK, PINK),
    "asked": Role("requested, not there yet", "#b4b9c0", "#aab0b8"),
    "away": Role("taken away or lost", "#3f444c", "#5b626d"),
    "ended": Role("ended or requeued", "#999ea6", "#8f959e"),
}
"""By name; drawings on white use the light ones."""

OTHER = "#bbbbbb"
"""For words that are not states."""


def light(role: str) -> str:
    """The colour of a role on white."""
    return ROLES[role].light


def either(role: str) -> str:
    """The colour of a role where the page may be light or dark."""
    return (
        "#8f959e"
        if role in ("idle", "faint")
        else getattr(ROLES[role], _EITHER.get(role, "light"))
    )


def css(scope: str) -> str:
    """The roles as custom properties of a page: ``--bl-good`` and so on."""
    sides = [
        "".join(f" --bl-{name}: {getattr(role, side)};" for name, role in ROLES.items())
        for side in ("light", "dark")
    ]
    return f'{scope} {{{sides[0]} }}\n[data-jp-theme-light="false"] {scope} {{{sides[1]} }}\n'


def ink_on(colour: str) -> str:
    """Black or white, whichever is easier to read on a colour."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
              for part in parts]  # fmt: skip
    luminance = sum(weight * part for weight, part in zip(_WEIGHTS, linear, strict=True))
    return "#111111" if (luminance + 0.05) ** 2 > 1.05 * 0.0556 else "#ffffff"


_EITHER = {"aside": "dark", "away": "dark", "ended": "dark", "asked": "dark"}
_WEIGHTS = (0.2126, 0.7152, 0.0722)
