"""What is drawn is what was given: looked up in the picture's own pixels where that can be done."""

import base64
import io
import itertools
import json
import re

import matplotlib.image
import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pytest
from bs4 import BeautifulSoup
from nibabel.affines import apply_affine
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform
from nilearn.image import new_img_like, reorder_img, resample_img
from nilearn.plotting import plot_stat_map

from helpers import plotting
from helpers._files import DataError
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
        ValueError, match=r"expected one of \['twin', 'real', 'yours', 'made', 'made up', '"
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


@pytest.mark.parametrize("columns", [16, 9])
def test_an_image_that_is_not_square_keeps_its_rows_and_columns(columns):
    rows = 144 // columns
    image = np.zeros((rows, columns))
    image[2, 7] = 1
    for values, shape in [(image, None), (image, (rows, columns)), (image.ravel(), image.shape)]:
        _, ax = plt.subplots()
        drawn = plotting.draw_pixels(ax, values, shape=shape)
        assert np.array_equal(drawn.get_array(), image)
        assert drawn.get_extent() == [-0.5, columns - 0.5, rows - 0.5, -0.5]
        assert (colour_at(ax, 7, 2) == 255).all(), "row 2, column 7 is white"
        assert (colour_at(ax, columns - 1, rows - 1) == 0).all()
        assert [ax.get_xticks().tolist()[-1], ax.get_yticks().tolist()[-1]] == [
            columns - 1,
            rows - 1,
        ]


@pytest.mark.parametrize("n_values", [0, 1, 99, 101, 144])
def test_a_list_does_not_say_how_an_image_is_folded(n_values):
    with pytest.raises(ValueError, match=rf"\({n_values},\).*say shape=\(n_rows, n_columns\)"):
        plotting.draw_pixels(plt.figure().gca(), np.zeros(n_values))


@pytest.mark.parametrize(
    ("of_values", "shape"),
    [
        ((144,), (10, 10)),
        ((144,), 12),
        ((144,), (-9, -16)),
        ((12, 12), (9, 16)),
        ((2, 5, 10), None),
    ],
)
def test_a_shape_that_the_values_do_not_fill_is_refused(of_values, shape):
    with pytest.raises(ValueError, match="expected the pixels of one image"):
        plotting.draw_pixels(plt.figure().gca(), np.zeros(of_values), shape=shape)


@pytest.mark.parametrize("value", [-1, 2, 255, np.inf])
def test_values_that_the_default_limits_would_cut_are_refused(value):
    values = np.full(100, 0.5)
    values[3] = value
    with pytest.raises(ValueError, match=r"values go from .* say limits=\(low, high\)"):
        plotting.draw_pixels(plt.figure().gca(), values)
    drawn = plotting.draw_pixels(plt.figure().gca(), values, limits=(-1, 255))
    assert drawn.get_clim() == (-1, 255)


@pytest.mark.parametrize("limits", [(0, 0), (1, 0), (np.nan, 1), (0, np.inf)])
def test_limits_that_are_no_range_are_refused(limits):
    image = nibabel.Nifti1Image(np.ones(GRID), np.eye(4))
    for draw in (
        lambda: plotting.draw_pixels(plt.figure().gca(), np.zeros(100), limits=limits),
        lambda: plotting.draw_slices(image, None, 5, "R2", limits=limits),
        lambda: view_map(image, None, "a map", "twin", (0, 0, 0), limits),
    ):
        with pytest.raises(ValueError, match="expected two numbers, the lower one first"):
            draw()


def test_a_pixel_that_is_nan_or_masked_is_not_drawn_as_white():
    values = np.ma.masked_array(np.ones(100), mask=np.arange(100) == 10 * 2 + 7)
    values[55] = np.nan
    _, ax = plt.subplots()
    plotting.draw_pixels(ax, values)
    assert (colour_at(ax, 0, 0) == 255).all()
    assert colour_at(ax, 7, 2)[2] < 250 and colour_at(ax, 5, 5)[2] < 250


@pytest.mark.parametrize("values", [np.zeros(100, dtype=complex), ["on"] * 100])
def test_pixels_that_are_no_real_numbers_are_refused(values):
    with pytest.raises(ValueError, match=r"values holds values of type .*expected real numbers"):
        plotting.draw_pixels(plt.figure().gca(), values)


@pytest.mark.parametrize("marked", [(9, 3), (-1, 0), (0, 16)])
def test_a_mark_outside_the_image_is_refused(marked):
    with pytest.raises(ValueError, match="image of 9 rows and 16 columns"):
        plotting.draw_pixels(plt.figure().gca(), np.zeros((9, 16)), marked=marked)


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


@pytest.mark.parametrize(
    "is_on", [[0, 3, 3, 0], [-1, 1, 1, -1], [0, np.nan, 1], [[True, False]], ["on", "off"]]
)
def test_labels_are_not_taken_for_blocks(is_on):
    with pytest.raises(ValueError, match="expected one true or false a volume"):
        plotting.block_edges(is_on)


@pytest.mark.parametrize("tr", [None, 0, -2.0, np.nan, [2.0, 2.0], "2"])
def test_blocks_without_a_repetition_time_are_refused(tr):
    with pytest.raises(ValueError, match="expected the seconds from one volume to the next"):
        plotting.shade_blocks(plt.figure().gca(), [True, False], tr)


# The grid of the book's recording: i grows from right to left.
AFFINE = np.array([[-3.3, 0, 0, 113.85], [0, 3.6, 0, -122], [0, 0, 6.4, -72], [0, 0, 0, 1]])


def book_map(values, background=0.0):
    """A map on the book's grid that is 0 but for some voxels, and a background of one value."""
    volume = np.zeros((64, 64, 30))
    for voxel, value in values.items():
        volume[voxel] = value
    ground = np.full(volume.shape, background)
    return nibabel.Nifti1Image(volume, AFFINE), nibabel.Nifti1Image(ground, AFFINE)


def test_a_slice_shows_its_voxel_and_no_other():
    image, ground = book_map({(20, 30, 10): 1.0, (31, 9, 10): 1.5})
    _, (first, second) = plotting.draw_slices(image, ground, [5, 10], "R2", "autumn", limits=(1, 2))
    assert (colour_at(second, 20, 30) == RED).all()
    assert (colour_at(second, 30, 20) != RED).any(), "i and j are swapped"
    assert (colour_at(first, 20, 30) != RED).any(), "slice 5 shows a voxel of slice 10"
    assert [ax.get_title(loc="left") for ax in (first, second)] == ["slice k = 5", "slice k = 10"]
    assert (second.get_xlabel(), first.get_ylabel()) == ("i", "j (to the front)")


def test_one_slice_needs_no_list_and_no_background():
    image, _ = book_map({(20, 30, 10): 1.0})
    _, (ax,) = plotting.draw_slices(image, None, 10, "R2", "autumn", limits=(1, 2))
    assert (colour_at(ax, 20, 30) == RED).all()
    assert (colour_at(ax, 21, 30) == 255).all()


def stored(image, codes):
    """The same map, with the axes of the file in another order or direction."""
    ornt = ornt_transform(nibabel.io_orientation(image.affine), axcodes2ornt(codes))
    values = apply_orientation(image.get_fdata(), ornt)
    return nibabel.Nifti1Image(values, image.affine @ inv_ornt_aff(ornt, image.shape))


FLAT = np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])  # i and j are one

# All 48 ways to store a volume.
STORED = [
    "".join(codes)
    for ends in itertools.product("LR", "PA", "IS")
    for codes in itertools.permutations(ends)
]


def scattered_map():
    """A map that is like none of its mirror images, RAS: x, y and z grow with i, j and k."""
    rng = np.random.default_rng(0)
    values = np.where(rng.random((9, 7, 5)) < 0.2, rng.uniform(0.2, 1, (9, 7, 5)), 0)
    affine = np.array([[2.0, 0, 0, -7], [0, 3, 0, -11], [0, 0, 4, 5], [0, 0, 0, 1]])
    return nibabel.Nifti1Image(values, affine)


def drawn_picture(image, slices):
    """The figure's pixels without any text but L and R, and the names of its axes and slices."""
    fig, axes = plotting.draw_slices(image, None, slices, "R2", "viridis", limits=(0, 1))
    names = [axes[0].get_xlabel(), axes[0].get_ylabel()]
    names += [ax.get_title(loc="left") for ax in axes]
    for ax in axes:
        ax.set(title="", xlabel="", ylabel="", xticks=[], yticks=[])
    fig.canvas.draw()
    return np.asarray(fig.canvas.buffer_rgba())[..., :3].astype(int), names


@pytest.fixture(scope="module")
def picture_of_ras():
    with plt.style.context("helpers.book"):
        return drawn_picture(scattered_map(), [1, 3])[0]


@pytest.mark.parametrize("codes", STORED)
def test_order_and_direction_of_the_axes_do_not_change_the_picture(codes, picture_of_ras):
    of_file = stored(scattered_map(), codes)
    assert "".join(nibabel.aff2axcodes(of_file.affine)) == codes
    assert np.array_equal(reorder_img(of_file).get_fdata(), scattered_map().get_fdata())
    slices = [1, 3] if "S" in codes else [3, 1]  # of five
    picture, names = drawn_picture(of_file, slices)
    assert picture.shape == picture_of_ras.shape
    differs = np.abs(picture - picture_of_ras).max(axis=-1) > 8
    assert differs.mean() < 0.002, "more than the rounding at edges"
    letters = dict(zip(codes.translate(str.maketrans("LPI", "RAS")), "ijk", strict=True))
    to_where = "front" if "A" in codes else "back"
    in_slices = [f"slice {letters['S']} = {k}" for k in slices]
    assert names == [letters["R"], f"{letters['A']} (to the {to_where})", *in_slices]


@pytest.mark.parametrize("codes", ["RAS", "LAS", "LPS", "RPI", "ASL", "SLP"])
def test_every_voxel_is_drawn_where_the_affine_puts_it(codes):
    of_file = stored(scattered_map(), codes)
    values = of_file.get_fdata()
    _, (ax,) = plotting.draw_slices(of_file, None, 1, "R2", limits=(0, 1))
    side, front = "ijk".index(ax.get_xlabel()), "ijk".index(ax.get_ylabel()[0])
    top = 3 - side - front
    places = np.argwhere(values)
    places = places[places[:, top] == 1]
    assert len(places) > 8
    ax.figure.canvas.draw()
    picture = np.asarray(ax.figure.canvas.buffer_rgba())[..., :3].astype(int)
    on_page = ax.transData.transform(places[:, [side, front]])
    for place, (across, up) in zip(places, on_page, strict=True):
        shade = 255 * np.array(plt.get_cmap("viridis")(values[tuple(place)])[:3])
        assert np.abs(picture[len(picture) - 1 - int(up), int(across)] - shade).max() < 2
    mm = apply_affine(of_file.affine, places)
    for axis in (0, 1):
        apart = mm[:, np.newaxis, axis] - mm[:, axis] > 0.1
        assert apart.any() and (on_page[:, np.newaxis, axis] - on_page[:, axis])[apart].min() > 1


@pytest.mark.parametrize("codes", ["RAS", "LAS", "LPS", "RPI", "ASL", "SLP"])
def test_left_is_where_nilearn_draws_it(codes):
    image = scattered_map()
    values = np.zeros(image.shape)
    values[1, 3, 2] = 1.0  # x is -5 mm: left of the middle of this grid, at 1 mm
    image = stored(new_img_like(image, values), codes)
    brain = new_img_like(image, np.ones(image.shape))  # or nilearn crops to the voxel
    fig, (ax,) = plotting.draw_slices(image, None, 2, "R2", "autumn", limits=(0, 2))
    # The window is fitted to the voxels; for this comparison it is the whole grid.
    length = image.shape["ijk".index(ax.get_xlabel())] - 1
    ax.set_xlim(sorted((-0.5, length + 0.5), reverse=bool(np.diff(ax.get_xlim()) < 0)))
    ours = picture_side(fig, ax)
    display = plot_stat_map(
        image, bg_img=brain, display_mode="z", cut_coords=[13], colorbar=False, cmap="autumn",
        draw_cross=False, black_bg=False, symmetric_cbar=False, vmin=0, vmax=2, threshold=0.5,
        figure=plt.figure(layout="none"),
    )  # fmt: skip
    theirs = picture_side(display.frame_axes.figure, display.axes[13.0].ax)
    for place, letters in (ours, theirs):
        assert place < 0.45
        assert letters["L"] < 0.3 < 0.7 < letters["R"]


def picture_side(fig, ax):
    """Where the coloured pixels lie in the axes, and the letters, from 0 (left) to 1 (right)."""
    fig.canvas.draw()
    box = ax.get_window_extent()
    picture = np.asarray(fig.canvas.buffer_rgba())[..., :3].astype(int)
    columns = slice(int(np.ceil(box.x0)), int(box.x1))
    height = len(picture)
    inside = picture[height - int(box.y1) : height - int(np.ceil(box.y0)), columns]
    coloured = np.argwhere(np.ptp(inside, axis=-1) > 60)[:, 1]
    letters = {
        text.get_text(): text.get_window_extent().get_points()[:, 0].mean() for text in ax.texts
    }
    places = {name: (x - box.x0) / box.width for name, x in letters.items()}
    return coloured.mean() / inside.shape[1], places


@pytest.mark.parametrize("angle", [-40, -20, 20, 40])
@pytest.mark.parametrize("codes", ["RAS", "LAS", "LPS", "ASL"])
def test_an_oblique_grid_has_left_on_the_left(codes, angle):
    turned = np.eye(4)
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turned[:2, :2] = [[cosine, -sine], [sine, cosine]]
    image = stored(scattered_map(), codes)
    image = nibabel.Nifti1Image(image.get_fdata(), turned @ image.affine)
    _, (ax,) = plotting.draw_slices(image, None, 2, "R2")
    side, front = "ijk".index(ax.get_xlabel()), "ijk".index(ax.get_ylabel()[0])
    steps = image.affine[:3, :3].T  # in mm, for a step along each axis
    (left, right), (back, above) = ax.get_xlim(), ax.get_ylim()
    assert steps[side, 0] * (right - left) > 0 and steps[front, 1] * (above - back) > 0
    assert abs(steps[side, 0]) > abs(steps[side, 1])


@pytest.mark.parametrize("codes", ["RAS", "PSL"])
def test_a_voxel_is_as_wide_and_high_as_the_affine_says(codes):
    _, (ax,) = plotting.draw_slices(stored(scattered_map(), codes), None, 2, "R2")
    ax.figure.canvas.draw()
    width, height = np.abs(ax.transData.transform((1, 1)) - ax.transData.transform((0, 0)))
    assert np.isclose(height / width, 3 / 2)


def test_no_voxel_is_outside_the_window():
    rng = np.random.default_rng(1)
    for shape in [(26, 16, 6), (64, 64, 30), (97, 115, 97)]:
        values = np.zeros(shape)
        for _ in range(20):
            values[tuple(rng.integers(0, shape))] = 1
        image = nibabel.Nifti1Image(values, np.diag([2.0, 2, 2, 1]))
        _, (ax,) = plotting.draw_slices(image, None, 3, "R2")
        found = np.argwhere(values)
        for axis, (low, high) in enumerate([ax.get_xlim(), ax.get_ylim()]):
            assert low <= found[:, axis].min() - 0.5 and high >= found[:, axis].max() + 0.5
            assert low >= -0.5 and high <= shape[axis] - 0.5


def test_the_window_has_a_margin_in_mm():
    image, _ = book_map({(20, 10, 5): 1, (30, 20, 7): 2})
    _, (ax,) = plotting.draw_slices(image, None, 3, "R2")
    edge = 0.5 + 15 / np.array([3.3, 3.6])
    assert np.allclose(ax.get_xlim(), [30 + edge[0], 20 - edge[0]])
    assert np.allclose(ax.get_ylim(), [10 - edge[1], 20 + edge[1]])


@pytest.mark.parametrize("empty", [np.nan, 0.0])
def test_where_the_map_is_nan_or_0_the_background_shows(empty):
    image, ground = book_map({(20, 30, 10): 0.5, (40, 30, 10): empty, (44, 30, 10): 0.7})
    ground.get_fdata()[40, 30, 10] = 1.0
    ground = new_img_like(ground, ground.get_fdata())
    _, (ax,) = plotting.draw_slices(image, ground, [10], "R2")
    assert (colour_at(ax, 40, 30) == 255).all()


def test_a_mask_says_where_0_is_a_value():
    image, ground = book_map({(20, 30, 10): 1.0, (24, 30, 10): np.nan})
    inside, _ = book_map({(20, 30, 10): 1, (21, 30, 10): 1, (24, 30, 10): 1})
    _, (ax,) = plotting.draw_slices(image, ground, [10], "R2", "autumn", mask=inside)
    assert (colour_at(ax, 21, 30) == RED).all(), "0 is the smallest value"
    for i in (22, 24):
        assert (colour_at(ax, i, 30) == 0).all(), "outside, and NaN inside"


@pytest.mark.parametrize(("given", "expected"), [(None, (-0.5, 0.75)), ((0, 0.6), (0, 0.6))])
def test_slices_share_the_limits_of_the_colours(given, expected):
    image, ground = book_map({(20, 10, 5): -0.5, (20, 10, 10): 0.75})
    fig, axes = plotting.draw_slices(image, ground, [5, 10], "R2", limits=given)
    assert [ax.images[-1].get_clim() for ax in axes] == [expected, expected]
    assert fig.axes[-1].get_ylabel() == "R2"


def test_slices_are_drawn_from_files_and_from_images_of_one_volume(tmp_path):
    image, ground = book_map({(20, 30, 10): 1.0})
    longer = nibabel.Nifti1Image(image.get_fdata()[..., np.newaxis], AFFINE)
    image.to_filename(tmp_path / "map.nii.gz")
    ground.to_filename(tmp_path / "ground.nii.gz")
    for given in (tmp_path / "map.nii.gz", str(tmp_path / "map.nii.gz"), longer):
        _, (ax,) = plotting.draw_slices(
            given, tmp_path / "ground.nii.gz", [10], "R2", "autumn", limits=(1, 2)
        )
        assert (colour_at(ax, 20, 30) == RED).all()
    with pytest.raises(DataError, match=r"none\.nii"):
        plotting.draw_slices(tmp_path / "none.nii", None, [10], "R2")


def test_a_background_or_mask_on_another_grid_is_refused():
    image, _ = book_map({(20, 30, 10): 1.0})
    moved = AFFINE.copy()
    moved[0, 3] += 0.5 * 3.3
    for other in (
        nibabel.Nifti1Image(np.ones((64, 30, 64)), AFFINE),
        nibabel.Nifti1Image(np.ones(image.shape), moved),
        nibabel.Nifti1Image(np.ones(image.shape), AFFINE * [[-1], [1], [1], [1]]),
        resample_img(image, np.diag([4.0, 4, 4, 1]), interpolation="nearest"),
    ):
        for given in ({"background": other}, {"background": None, "mask": other}):
            with pytest.raises(ValueError, match=r"another grid than the map.*resample_to_img"):
                plotting.draw_slices(image, slices=[10], label="R2", **given)
    rounded = nibabel.Nifti1Image(np.ones(image.shape), AFFINE * (1 + 1e-5))
    plotting.draw_slices(image, rounded, [10], "R2")


@pytest.mark.parametrize("slices", [[], [5, 30], [-1], [2.0], [True], ["5"], None])
def test_slices_out_of_range_are_refused(slices):
    image, ground = book_map({(20, 30, 10): 1.0})
    with pytest.raises(ValueError, match="from 0 to 29, indices k of the map"):
        plotting.draw_slices(image, ground, slices, "R2")


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.ones(GRID), "of type ndarray; expected a volume"),
        (None, "of type NoneType; expected a volume"),
        (nibabel.Nifti1Image(np.ones((4, 4, 4, 2)), np.eye(4)), r"\(4, 4, 4, 2\); expected three"),
        (nibabel.Nifti1Image(np.ones((4, 4)), np.eye(4)), r"\(4, 4\); expected three"),
        (nibabel.Nifti1Image(np.ones(GRID), None), "no affine"),
        (nibabel.Nifti1Image(np.ones(GRID), FLAT), "no affine"),
        (nibabel.Nifti1Image(np.full(GRID, np.nan), np.eye(4)), "0 or NaN in all voxels"),
        (nibabel.Nifti1Image(np.zeros(GRID), np.eye(4)), "0 or NaN in all voxels"),
        (nibabel.Nifti1Image(np.full(GRID, -np.inf), np.eye(4)), "infinite in 960 voxels"),
        (nibabel.Nifti1Image(np.ones(GRID, dtype="complex64"), np.eye(4)), "type complex64"),
    ],
)
def test_what_is_no_map_is_refused(image, says):
    with pytest.raises(ValueError, match=says):
        plotting.draw_slices(image, None, 5, "R2")
    with pytest.raises(ValueError, match=says):
        view_map(image, None, "a map", "twin", (0, 0, 0), LIMITS)


def test_a_header_without_orientation_is_reported(tmp_path):
    image = nibabel.Nifti1Image(a_map()[0].get_fdata(), None)
    image.to_filename(tmp_path / "map.nii")
    with pytest.warns(UserWarning, match="does not say where left and right are"):
        plotting.draw_slices(tmp_path / "map.nii", None, 5, "R2")
    with pytest.warns(UserWarning, match="has no sform in its header"):
        view_map(tmp_path / "map.nii", None, "a map", "twin", (0, 0, 0), LIMITS)
    image.set_qform(np.eye(4), code="scanner")
    image.to_filename(tmp_path / "map.nii")
    plotting.draw_slices(tmp_path / "map.nii", None, 5, "R2")


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


@pytest.mark.parametrize("codes", ["RAS", "LPS", "SRP"])
def test_the_viewer_has_left_on_the_left_for_any_order_of_axes(codes, inside, settings):
    image, brain = (stored(each, codes) for each in a_map())
    html = view_map(image, brain, "a map", "twin", (-9, 12, 15), LIMITS)
    other = BeautifulSoup(BeautifulSoup(html, "html.parser").iframe["srcdoc"], "html.parser")
    assert settings_of(other)["numSlice"] == settings["numSlice"]
    assert np.array_equal(sprite(other, settings_of(other)), sprite(inside, settings))


def test_the_viewer_draws_nothing_where_the_map_is_nan(inside, settings):
    image, brain = a_map()
    image = new_img_like(image, np.where(image.get_fdata() == 0, np.nan, image.get_fdata()))
    html = view_map(image, brain, "a map", "twin", (-9, 12, 15), LIMITS)
    other = BeautifulSoup(BeautifulSoup(html, "html.parser").iframe["srcdoc"], "html.parser")
    assert np.array_equal(sprite(other, settings_of(other)), sprite(inside, settings))


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
