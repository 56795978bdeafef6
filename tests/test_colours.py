"""Figures can be read by people who see few colours, or little contrast."""

import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from colours import VISIONS, contrast, named_maps, seen, smallest_distance, text_colours
from matplotlib import colormaps
from notebook_checks import code, read_cells

ROOT = Path(__file__).resolve().parent.parent
STYLE = mpl.rc_params_from_file(ROOT / "helpers" / "book.mplstyle", use_default_template=True)
CYCLE = STYLE["axes.prop_cycle"].by_key()["color"]
NOTEBOOKS = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("pages/*.ipynb")])
CODE = [cell.source for path in NOTEBOOKS for cell in code(read_cells(path, ROOT))]
CODE += [path.read_text(encoding="utf-8") for path in sorted((ROOT / "helpers").rglob("*.py"))]
ONE_WAY = {"viridis", "gray", "Blues"}  # lighter, or darker, all the way
TWO_WAYS = {"RdBu_r"}  # from a light middle to two dark ends
PALE = "#F0C6B0"  # on maps of viridis, what lies below their lower limit
# Ten times what can barely be seen.
APART = 10

in_every_vision = pytest.mark.parametrize("vision", VISIONS)


def the_wheel():
    """Corners of the map for angles, which chapter 4 makes itself."""
    (line,) = [line for source in CODE for line in source.splitlines() if "corners = [" in line]
    corners = re.findall(r"#[0-9A-F]{6}", line)
    assert corners[0] == corners[-1], "the colours of an angle close a circle"
    return corners[:-1]


@in_every_vision
def test_colours_of_lines_differ(vision):
    assert smallest_distance([f"#{colour.lstrip('#')}" for colour in CYCLE], vision) > APART


@in_every_vision
def test_colours_of_the_four_directions_differ(vision):
    assert smallest_distance(the_wheel(), vision) > APART


@in_every_vision
@pytest.mark.parametrize("name", sorted(ONE_WAY))
def test_a_map_in_one_direction_gets_lighter_or_darker_all_the_way(name, vision):
    lightness = seen(colormaps[name](np.linspace(0, 1, 65))[:, :3], vision)[:, 0]
    assert len(set(np.sign(np.diff(lightness)))) == 1
    assert np.ptp(lightness) > 60


@in_every_vision
@pytest.mark.parametrize("name", sorted(TWO_WAYS))
def test_a_map_in_two_directions_darkens_on_both_sides_and_the_ends_differ(name, vision):
    colours = colormaps[name](np.linspace(0, 1, 65))[:, :3]
    lightness = seen(colours, vision)[:, 0]
    assert (np.diff(lightness[:33]) > 0).all()
    assert (np.diff(lightness[32:]) < 0).all()
    assert smallest_distance(colours[[0, 32, -1]], vision) > 2 * APART


@in_every_vision
def test_what_lies_below_a_map_is_no_colour_of_it(vision):
    for colour in colormaps["viridis"](np.linspace(0, 1, 65))[:, :3]:
        assert smallest_distance([PALE, colour], vision) > 7  # 7.9 without blue cones, else 13


def test_no_other_maps_are_used():
    used = {STYLE["image.cmap"]}.union(*map(named_maps, CODE))
    assert used == ONE_WAY | TWO_WAYS


def test_no_other_colours_are_used():
    own = {f"#{colour.lstrip('#')}".upper() for colour in [*CYCLE, *the_wheel(), PALE]}
    used = {colour for source in CODE for colour in re.findall(r"#[0-9a-fA-F]{6}\b", source)}
    assert {colour.upper() for colour in used} <= own


def test_text_of_figures_has_contrast():
    assert STYLE["figure.facecolor"] == STYLE["axes.facecolor"] == "white"
    names = ["text.color", "axes.labelcolor", "xtick.color", "ytick.color"]
    assert (STYLE["axes.titlecolor"], STYLE["legend.labelcolor"]) == ("auto", "None")
    assert STYLE["xtick.labelcolor"] == STYLE["ytick.labelcolor"] == "inherit"
    written = {colour for source in CODE for colour in text_colours(source)}
    assert written, "no figure names the colour of a text: is it still asked for this way?"
    for colour in [*(STYLE[name] for name in names), *written]:
        assert contrast(colour) >= 4.5, colour


# ---- the measures


def test_contrasts_of_the_guidelines():
    assert contrast("black") == pytest.approx(21)
    assert contrast("#767676") == pytest.approx(4.54, abs=0.01)  # the palest grey that passes
    assert contrast("#0000ff", "black") == pytest.approx(2.44, abs=0.01)


def test_a_red_and_a_green_are_alike_without_a_cone_type():
    red_and_green = ["#b0602c", "#6f7c10"]
    assert smallest_distance(red_and_green, None) > 2 * APART
    assert smallest_distance(red_and_green, "deuteranomaly") < APART


def test_jet_would_not_pass():
    lightness = seen(colormaps["jet"](np.linspace(0, 1, 65))[:, :3], None)[:, 0]
    assert len(set(np.sign(np.diff(lightness)))) == 2


def test_maps_and_colours_of_text_are_found_in_code():
    source = "ax.text(0, 0, 'a', color='0.8')\nax.plot(x, color='0.9')\nmaps = ['jet', 'a jet']"
    assert list(text_colours(source)) == ["0.8"]
    assert named_maps(source) == {"jet"}
