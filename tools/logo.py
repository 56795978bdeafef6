"""Draw the book's logo and icon: the field of one voxel, glowing in a grid of ten by ten squares.

python tools/logo.py
"""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")

import matplotlib.image
from matplotlib.colors import LinearSegmentedColormap, to_hex

from helpers import receptive_fields

STATIC = Path(__file__).with_name("theme") / "static"
CENTRE, SIZE = (3.6, 4.1), 2.0  # row, column and standard deviation, in pixels
STEP, GAP, EDGE = 10, 1, 6  # from square to square, between two squares, around all of them
# Dark on its own dark card, so that it looks the same on a light and on a dark page.
GLOW = LinearSegmentedColormap.from_list(
    "glow", ["#1D2733", "#0B4F7A", "#2E9BDC", "#FFD28A", "#FFF4DC"]
)
CARD = "#10151C"


def field():
    """Return the receptive field that the logo shows.

    Returns
    -------
    ndarray, shape (10, 10)
        Values from 0 to 1.
    """
    values = receptive_fields.sample_gaussians(np.array([CENTRE]), np.array([SIZE]))
    return values.reshape(10, 10) / values.max()


def svg(values):
    """Write the field as squares on a card with round corners.

    Parameters
    ----------
    values : ndarray, shape (10, 10)

    Returns
    -------
    str
    """
    side = 2 * EDGE + 10 * STEP - GAP
    squares = "\n".join(
        f'<rect x="{EDGE + STEP * column}" y="{EDGE + STEP * row}" width="{STEP - GAP}" '
        f'height="{STEP - GAP}" rx="1.5" fill="{to_hex(GLOW(value))}"/>'
        for (row, column), value in np.ndenumerate(values)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" '
        f'width="{side}" height="{side}" role="img">\n'
        f"<title>A receptive field in a grid of ten by ten squares</title>\n"
        f'<rect x="0.5" y="0.5" width="{side - 1}" height="{side - 1}" rx="12" fill="{CARD}" '
        f'stroke="#3A4654"/>\n{squares}\n</svg>\n'
    )


def icon(values):
    """Return the field as a small picture for the browser's tab.

    Parameters
    ----------
    values : ndarray, shape (10, 10)

    Returns
    -------
    ndarray of uint8, shape (48, 48, 4)
        Squares of four pixels on a card with a margin of four.
    """
    colours = GLOW(values, bytes=True)
    inside = colours.repeat(4, axis=0).repeat(4, axis=1)
    margin = np.array(matplotlib.colors.to_rgba_array(CARD)[0] * 255, dtype="uint8")
    picture = np.full((48, 48, 4), margin)
    picture[4:44, 4:44] = inside
    return picture


def main():
    """Write both files where _config.yml names them."""
    (STATIC / "logo.svg").write_text(svg(field()), encoding="utf-8", newline="\n")
    # Without the name of the program, the file depends on nothing but the picture.
    name, metadata = STATIC / "favicon.png", {"Software": None}
    matplotlib.image.imsave(name, icon(field()), metadata=metadata)
    print("tools/theme/static/logo.svg, tools/theme/static/favicon.png")


if __name__ == "__main__":
    main()
