"""The canvas of pictures in saved notebooks, at twice the resolution.

A saved picture cannot know whether its page is light or dark: the paper is transparent, and ink
and lines are greys that can be read on both.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime

from PIL import Image, ImageDraw, ImageFont

__all__ = ["INK", "LINE", "MARGIN", "MUTED", "SCALE", "WIDTH", "Sheet", "clock", "end_of"]

WIDTH, SCALE, MARGIN = 720, 2, 12
INK, MUTED, LINE = "#71767e", "#7b8088", "#969ba3"
COLOURS = 48


class Sheet:
    """A transparent sheet of width `WIDTH`; `pen` uses pixels, `SCALE` per unit.

    Parameters
    ----------
    height : int
    """

    def __init__(self, height: int) -> None:
        self._image = Image.new("RGBA", (WIDTH * SCALE, height * SCALE), "#80808000")
        self.pen = ImageDraw.Draw(self._image)
        self.fonts = {size: ImageFont.load_default(size * SCALE) for size in (9, 11, 12, 15)}

    def text(
        self, x: float, y: float, text: str, colour: str, size: int, anchor: str | None = None
    ) -> None:
        """Write text at a position, in units."""
        where = (x * SCALE, y * SCALE)
        self.pen.text(where, text, colour, self.fonts[size], anchor=anchor)

    def length(self, text: str, size: int) -> float:
        """The width of a text, in units."""
        return self.fonts[size].getlength(text) / SCALE

    def png(self, top: int = 0, scale: int = SCALE) -> bytes:
        """The picture below `top` units as PNG, with few colours, `scale` pixels per unit."""
        image = self._image.crop((0, top * SCALE, *self._image.size))
        if scale != SCALE:
            image = image.reduce(SCALE // scale)
        data = io.BytesIO()
        image.quantize(COLOURS, dither=Image.Dither.NONE).save(data, "PNG", compress_level=9)
        return data.getvalue()


def clock(at: float) -> str:
    """A time on the lab's clock."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def end_of(begin: float, end: float) -> str:
    """The label at the end of a time axis; for a short one its length."""
    return clock(end) if end - begin >= 60 else f"{end - begin:.2g} s later"
