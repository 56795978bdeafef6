"""What is drawn is what was given: looked up in the picture's own pixels where that can be done."""

import base64
import io
import json
import re

import matplotlib.image
import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pytest
from bs4 import BeautifulSoup

from helpers import plotting
from helpers.plotting import view_map

plt.switch_backend("agg")
RED = np.array([255, 0, 0])
GRID = (12, 10, 8)
VALUES = {(3, 4, 5): 0.6, (8, 2, 1): 0.2}
LIMITS = (0.1, 0.7)


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("helpers.book"):
        yield
    plt.close("all")


def colour_at(ax, x, y):
    """The colour that the figure shows at a place given in the units of the axes."""
    ax.figure.canvas.draw()
    picture = np.asarray(ax.figure.canvas.buffer_rgba())[..., :3].astype(int)
    across, up = ax.transData.transform((x, y))
    return picture[len(picture) - 1 - int(up), int(across)]


def a_map(height=3.0):
    """A map with two voxels on a grid whose index i grows from right to left."""
    values = np.zeros(GRID, dtype="float32")
    for voxel, value in VALUES.items():
        values[voxel] = value
    brain = np.full(GRID, 50, dtype="float32")
    brain[0] = 0
    affine = np.diag([-3.0, 3.0, height, 1.0])
    return nibabel.Nifti1Image(values, affine), nibabel.Nifti1Image(brain, affine)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("twin", "simulated twin"),
        ("real", "Miyawaki"),
        ("yours", "your"),
        ("made up", "random"),
        ("real V1", "Fujiwara"),
        ("real and twin", "recordings and simulated"),
    ],
)
def test_the_figure_names_its_data_in_the_lower_right_corner(source, words):
    fig, ax = plt.subplots()
    ax.set_xlabel("time (s)")
    plotting.label_source(fig, source)
    fig.canvas.draw()
    (line,) = [text for text in fig.texts if words in text.get_text()]
    place, axis = line.get_window_extent(), ax.xaxis.label.get_window_extent()
    assert place.x1 > 0.97 * fig.bbox.width and place.y0 < 0.05 * fig.bbox.height
    assert place.y0 >= 0 and place.y1 <= axis.y0, "it covers the label of the axis"


@pytest.mark.parametrize("source", ["Twin", "", None])
def test_an_unknown_source_is_refused(source):
    with pytest.raises(
        ValueError, match=r"expected one of \['twin', 'real', 'yours', 'made up', '"
    ):
        plotting.label_source(plt.figure(), source)


def test_pixels_are_drawn_row_by_row_from_the_top():
    values = np.zeros(100)
    values[10 * 2 + 7] = 1
    _, ax = plt.subplots()
    plotting.draw_pixels(ax, values)
    assert (colour_at(ax, 7, 2) == 255).all(), "row 2, column 7 is white"
    assert (colour_at(ax, 2, 7) == 0).all(), "row 7, column 2 is black"
    bottom, top = ax.transData.transform([(0, 9), (0, 0)])[:, 1]
    assert top > bottom


def test_only_the_marked_pixel_is_framed():
    _, ax = plt.subplots()
    plotting.draw_pixels(ax, np.zeros((10, 10)), marked=(4, 2))
    (frame,) = ax.patches
    inside = [
        (row, column)
        for row in range(10)
        for column in range(10)
        if frame.get_bbox().contains(column, row)
    ]
    assert inside == [(4, 2)]
    red, green, blue = colour_at(ax, 2.5, 4)
    assert red > 200 > green > blue, "the frame's right side is orange"
    assert (colour_at(ax, 2, 4) == 0).all(), "the frame hides the pixel"


def test_pixels_have_the_colours_of_the_limits_and_the_title():
    _, ax = plt.subplots()
    drawn = plotting.draw_pixels(ax, np.linspace(-1, 1, 100), "a field", "RdBu_r", limits=(-2, 2))
    assert drawn.get_clim() == (-2, 2)
    assert drawn.get_cmap().name == "RdBu_r"
    assert ax.get_title(loc="left") == "a field"


@pytest.mark.parametrize("n_values", [0, 99, 101])
def test_values_that_fill_no_square_are_refused(n_values):
    with pytest.raises(ValueError, match=rf"\({n_values},\).*expected the pixels of one square"):
        plotting.draw_pixels(plt.figure().gca(), np.zeros(n_values))


def test_blocks_are_shaded_at_their_seconds():
    _, ax = plt.subplots()
    plotting.shade_blocks(ax, [True, False, False, True, True, False, True], tr=2.0)
    boxes = [patch.get_bbox() for patch in ax.patches]
    assert [(box.x0, box.x1) for box in boxes] == [(0, 2), (6, 10), (12, 14)]
    ax.set_xlim(0, 14)
    shaded = [bool(colour_at(ax, second, 0.5)[0] < 255) for second in np.arange(0.5, 14)]
    assert shaded == [True] * 2 + [False] * 4 + [True] * 4 + [False] * 2 + [True] * 2


def test_blocks_stand_once_in_the_legend():
    _, ax = plt.subplots()
    plotting.shade_blocks(ax, [True, False, True], tr=2.0, label="letter on screen")
    assert ax.get_legend_handles_labels()[1] == ["letter on screen"]


def test_no_block_no_shade():
    _, ax = plt.subplots()
    plotting.shade_blocks(ax, [False, False], tr=2.0)
    assert not ax.patches


def slices_with(voxel, background=0.0, **options):
    volume = np.full((64, 64, 30), np.nan)
    volume[voxel] = 1.0
    fig, axes = plotting.draw_slices(
        volume, np.full(volume.shape, background), [5, 10], "R2", **options
    )
    return fig, axes


def test_a_slice_shows_its_voxel_and_no_other():
    _, (first, second) = slices_with((20, 30, 10), cmap="autumn", limits=(1, 2))
    assert (colour_at(second, 20, 30) == RED).all()
    assert (colour_at(second, 30, 20) != RED).any(), "i and j are swapped"
    assert (colour_at(first, 20, 30) != RED).any(), "slice 5 shows a voxel of slice 10"
    assert [ax.get_title(loc="left") for ax in (first, second)] == ["slice k = 5", "slice k = 10"]


def test_slices_have_the_right_hemisphere_on_the_right_and_the_front_at_the_top():
    _, axes = slices_with((20, 30, 10))
    for ax in axes:
        ax.figure.canvas.draw()
        (low_i, back), (high_i, front) = ax.transData.transform([(20, 5), (50, 30)])
        assert low_i > high_i, "i grows from right to left"
        assert front > back, "j grows from back to front"


def test_where_the_map_is_nan_the_background_shows():
    volume = np.full((64, 64, 30), np.nan)
    background = np.zeros(volume.shape)
    background[40, 30, 10], volume[20, 30, 10] = 1.0, 0.5
    _, (ax,) = plotting.draw_slices(volume, background, [10], "R2")
    assert (colour_at(ax, 40, 30) == 255).all()


@pytest.mark.parametrize(("given", "expected"), [(None, (-0.5, 0.75)), ((0, 0.6), (0, 0.6))])
def test_slices_share_the_limits_of_the_colours(given, expected):
    volume = np.full((64, 64, 30), np.nan)
    volume[20, 10, 5], volume[20, 10, 10] = -0.5, 0.75
    fig, axes = plotting.draw_slices(volume, np.zeros(volume.shape), [5, 10], "R2", limits=given)
    assert [ax.images[-1].get_clim() for ax in axes] == [expected, expected]
    assert fig.axes[-1].get_ylabel() == "R2"


def test_slices_of_another_grid_or_out_of_range_are_refused():
    volume = np.zeros((64, 64, 30))
    with pytest.raises(ValueError, match=r"\(64, 64, 30\).*\(64, 30, 64\).*resample"):
        plotting.draw_slices(volume, np.zeros((64, 30, 64)), [5], "R2")
    for slices in ([], [5, 30], [-1]):
        with pytest.raises(ValueError, match="from 0 to 29"):
            plotting.draw_slices(volume, volume, slices, "R2")


@pytest.fixture(scope="module")
def frame():
    image, brain = a_map()
    html = view_map(image, brain, 'A "map" & more', "twin", position=(-9, 12, 15), limits=LIMITS)
    return BeautifulSoup(html, "html.parser")


@pytest.fixture(scope="module")
def inside(frame):
    return BeautifulSoup(frame.iframe["srcdoc"], "html.parser")


@pytest.fixture(scope="module")
def settings(inside):
    return settings_of(inside)


def settings_of(inside):
    """What nilearn hands to the script that draws."""
    scripts = " ".join(script.get_text() for script in inside.find_all("script"))
    return json.loads(re.search(r"brain = brainsprite\((\{.*\})\);", scripts)[1])


def sprite(inside, settings):
    """The map in the viewer, as transparency and colour of (i, j, k) from left, back, below."""
    address = inside.find(id=settings["overlay"]["sprite"])["src"]
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    picture = matplotlib.image.imread(io.BytesIO(data))
    n = settings["nbSlice"]
    tiles = picture.reshape(len(picture) // n["Z"], n["Z"], -1, n["Y"], 4).swapaxes(1, 2)
    slices = tiles.reshape(-1, n["Z"], n["Y"], 4)[: n["X"]]
    return slices[:, ::-1].swapaxes(1, 2)


def test_the_viewer_is_one_frame_with_a_title(frame):
    assert [tag.name for tag in frame.find_all(True, recursive=False)] == ["iframe"]
    assert frame.iframe["title"] == 'A "map" & more'


def test_the_viewer_brings_all_it_needs(inside):
    assert len(inside.find_all("script")) >= 3
    for tag in inside.find_all(["script", "link", "img", "iframe"]):
        for address in (tag.get("src"), tag.get("href")):
            assert address is None or address.startswith("data:"), f"loads {address[:60]}"
    assert not re.search(r"url\(\s*['\"]?http|@import", str(inside.find_all("style")))


def test_the_viewer_names_its_slider(inside):
    (slider,) = inside.find_all("input", type="range")
    assert slider["aria-label"] == "Opacity of the map"


def test_the_viewer_shows_the_voxels_at_their_places(inside, settings):
    shown = sprite(inside, settings)
    # Left comes first: i grows from right to left in this map.
    expected = {(GRID[0] - 1 - i, j, k) for i, j, k in VALUES}
    assert {tuple(map(int, place)) for place in np.argwhere(shown[..., 3] > 0)} == expected
    viridis = plt.get_cmap("viridis")
    for (i, j, k), value in VALUES.items():
        drawn = shown[GRID[0] - 1 - i, j, k]
        assert np.allclose(drawn, viridis((value - LIMITS[0]) / np.ptp(LIMITS)), atol=0.02), (
            f"colour of {value}"
        )


def test_the_viewer_opens_at_the_position_with_the_limits(settings):
    assert settings["numSlice"] == {"X": GRID[0] - 1 - 3, "Y": 4, "Z": 5}
    assert (settings["colorMap"]["min"], settings["colorMap"]["max"]) == LIMITS
    assert settings["radiological"] is False and settings["showLR"] is True
    assert settings["title"] == "Data: simulated twin"


def test_the_viewer_mixes_no_neighbours_where_voxels_are_no_cubes():
    html = view_map(*a_map(height=6.4), "a map", "twin", (-9, 12, 32), LIMITS)
    inside = BeautifulSoup(BeautifulSoup(html, "html.parser").iframe["srcdoc"], "html.parser")
    shown = sprite(inside, settings_of(inside))
    colours = {tuple(colour) for colour in shown[shown[..., 3] > 0]}
    assert len(colours) == len(VALUES), "as many colours as there are values"


def test_the_viewer_refuses_an_unknown_source():
    with pytest.raises(ValueError, match='source is "mine"'):
        view_map(*a_map(), "a map", "mine", (0, 0, 0), (0, 1))
