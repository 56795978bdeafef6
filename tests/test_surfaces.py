"""Surface recordings: values come from the right vertex, and what does not fit is said."""

import warnings

import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis, Cifti2Image, LabelAxis, ScalarAxis, SeriesAxis
from nibabel.gifti import GiftiDataArray, GiftiImage
from nilearn.datasets import load_fsaverage
from nilearn.maskers import SurfaceMasker
from nilearn.signal import clean
from nilearn.surface import InMemoryMesh, SurfaceImage

from helpers._files import DataError
from helpers._files.images import fingerprint
from helpers._files.surfaces import (
    check_surfaces,
    is_surface,
    open_surface,
    read_surface_series,
    surface_layout,
    surface_masker,
)
from helpers.plotting import draw_surface
from helpers.ridge import RidgeCV

plt.switch_backend("agg")

SMALL = 642  # vertices of a hemisphere of fsaverage3
LENGTH = 7
SIDES = {"left": "L", "right": "R"}
STRUCTURES = {"left": "CortexLeft", "right": "CortexRight"}


@pytest.fixture(autouse=True)
def close_figures():
    """Keep no figure for the next test."""
    yield
    plt.close("all")


def numbers(side, n_vertices=SMALL, length=LENGTH):
    """Values that say where they belong: hemisphere, vertex and volume."""
    vertex, volume = np.indices((n_vertices, length))
    return (1000 * (side == "right") + vertex + 0.01 * volume).astype(np.float32)


def gifti(values, side=None, step=None, intent="NIFTI_INTENT_TIME_SERIES", as_one=False):
    """A GIFTI image; as fMRIPrep's, unless `as_one`, with one array a volume."""
    meta = {} if step is None else {"TimeStep": str(step)}
    arrays = [values] if as_one else list(values.T)
    image = GiftiImage(darrays=[GiftiDataArray(a, intent=intent, meta=meta) for a in arrays])
    if side is not None:
        image.meta["AnatomicalStructurePrimary"] = STRUCTURES[side]
    return image


def write_pair(folder, space="fsaverage3", values=numbers, ending="func.gii", **options):
    """Write both hemispheres and return the item that stands for the run."""
    folder.mkdir(exist_ok=True)
    pair = {}
    for side, letter in SIDES.items():
        pair[side] = folder / f"sub-1_hemi-{letter}_space-{space}_bold.{ending}"
        gifti(values(side), side, **options).to_filename(pair[side])
    return pair


def surface_image(values=numbers, n_vertices=SMALL):
    """The same in memory, on a mesh of its own."""
    rng = np.random.default_rng(0)
    mesh = {
        side: InMemoryMesh(rng.standard_normal((n_vertices, 3)), np.array([[0, 1, 2]]))
        for side in SIDES
    }
    return SurfaceImage(mesh, {side: values(side) for side in SIDES})


WALL = {"left": np.arange(0, 40), "right": np.arange(600, SMALL)}  # vertices without cortex


def grayordinates(step=0.8, unit="SECOND", rows=None, sides=("left", "right")):
    """A CIFTI image of the cortex but for its medial wall, with a thalamus between and after."""
    models, columns = [], []
    for side in sides:
        cortex = ~np.isin(np.arange(SMALL), WALL[side])
        models.append(BrainModelAxis.from_mask(cortex, name=f"CORTEX_{side.upper()}"))
        columns.append(numbers(side)[cortex])
        models.append(
            BrainModelAxis.from_mask(np.ones((2, 2, 2)), f"THALAMUS_{side.upper()}", np.eye(4))
        )
        columns.append(np.full((8, LENGTH), -5.0, dtype=np.float32))
    axis = models[0]
    for model in models[1:]:
        axis = axis + model
    rows = rows or SeriesAxis(0, step, LENGTH, unit)
    return Cifti2Image(np.concatenate(columns).T[: len(rows)], (rows, axis))


def everywhere(side):
    return np.ones(SMALL, dtype=np.float32)


# What is read


@pytest.mark.parametrize("ending", ["func.gii", "func.gii.gz"])
@pytest.mark.parametrize("as_one", [False, True])
def test_a_pair_of_gifti_files_is_read_vertex_by_vertex(tmp_path, ending, as_one):
    pair = write_pair(tmp_path, ending=ending, as_one=as_one)
    image = open_surface(pair)
    for side in SIDES:
        assert np.array_equal(image.data.parts[side], numbers(side))
    masker = surface_masker(None, {}, pair)
    expected = np.concatenate([numbers("left"), numbers("right")]).T
    # Vertex 0 of the left hemisphere is 0 in the first volume alone, so it is measured.
    assert np.array_equal(read_surface_series(pair, masker), expected)
    backwards = dict(reversed(pair.items()))
    assert np.array_equal(read_surface_series(backwards, masker), expected)
    assert np.array_equal(read_surface_series(list(pair.values()), masker), expected)


def test_what_nilearn_reads_and_masks_is_the_same(tmp_path):
    pair = write_pair(tmp_path)
    image = SurfaceImage(surface_image().mesh, pair)
    masker = SurfaceMasker(standardize=None, reports=False)
    expected = masker.fit_transform(image)
    assert np.array_equal(read_surface_series(pair, surface_masker(None, {}, pair)), expected)
    ours = surface_masker(None, {"standardize": "zscore_sample", "detrend": True}, image)
    theirs = SurfaceMasker(standardize="zscore_sample", detrend=True, reports=False)
    assert np.array_equal(ours.transform(image), theirs.fit_transform(image))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("uint8", "float32"), ("int32", "float64"), (">f4", "float32"), ("float64", "float64")],
)
def test_numbers_keep_their_digits(dtype, expected):
    values = {side: np.full((SMALL, LENGTH), 200, dtype=dtype) for side in SIDES}
    if dtype == "int32":
        values["left"][3, 2] = 2**24 + 1  # float32 has no such number
    run = surface_image(values.get)
    series = read_surface_series(run, surface_masker(None, {}, run))
    assert series.dtype == expected
    assert np.array_equal(series, np.concatenate(list(values.values())).T)


def test_hemispheres_of_different_types_are_read(tmp_path):
    pair = {"left": gifti(numbers("left")), "right": gifti(np.int32(numbers("right")))}
    assert open_surface(pair).data.parts["right"].dtype == np.float64
    check_surfaces([pair], [LENGTH], None)


def test_cifti_gives_the_cortex_and_leaves_out_the_medial_wall(tmp_path):
    path = tmp_path / "sub-1_space-fsLR_den-91k_bold.dtseries.nii"
    written = grayordinates()
    written.to_filename(path)
    for item in (path, str(path), written):
        image = open_surface(item)
        for side in SIDES:
            values, wall = image.data.parts[side], np.isin(np.arange(SMALL), WALL[side])
            assert np.isnan(values[wall]).all()
            assert np.array_equal(values[~wall], numbers(side)[~wall])
        masker = surface_masker(None, {}, item)
        series = read_surface_series(item, masker)
        cortex = written.get_fdata() >= 0
        assert np.array_equal(series, written.get_fdata()[:, cortex.all(axis=0)])
        back = masker.inverse_transform(series[3])
        assert np.array_equal(back.data.parts["right"][:600], numbers("right")[:600, 3])
        assert not back.data.parts["right"][600:].any()


def test_one_hemisphere_of_cifti_and_of_gifti(tmp_path):
    pair = write_pair(tmp_path)
    for item in ({"right": pair["right"]}, grayordinates(sides=["right"])):
        assert list(surface_layout(item).vertices.items()) == [("right", SMALL)]
        masker = surface_masker(None, {}, item)
        series = read_surface_series(item, masker)
        assert np.array_equal(series[:, :600], numbers("right")[:600].T)
        assert list(masker.inverse_transform(series).data.parts) == ["right"]


def test_vertices_that_are_nan_or_0_throughout_are_left_out():
    def values(side):
        measured = numbers(side) + 1
        measured[10], measured[20] = np.nan, 0
        measured[30, 1:] = 0
        measured[40], measured[40, 2:] = np.nan, 0
        return measured

    masker = surface_masker(None, {}, surface_image(values))
    for side in SIDES:
        outside = np.flatnonzero(~masker.mask_img_.data.parts[side].ravel())
        assert outside.tolist() == [10, 20, 40]


@pytest.mark.parametrize(
    ("name", "n_vertices", "has_places"),
    [
        ("hemi-{}_space-fsaverage5_bold.func.gii", 10242, True),
        ("hemi-{}_space-fsaverage_den-10k_bold.func.gii", 10242, True),
        ("{}.func.gii", 10242, True),
        ("hemi-{}_space-onavg_den-10k_bold.func.gii", 10242, False),
        ("hemi-{}_space-fsLR_den-32k_bold.func.gii", 32492, False),
    ],
)
def test_only_fsaverage5_gets_places(tmp_path, name, n_vertices, has_places):
    pair = {}
    for side, letter in SIDES.items():
        pair[side] = tmp_path / name.format(letter)
        gifti(numbers(side, n_vertices, 2)).to_filename(pair[side])
    mesh = open_surface(pair).mesh
    expected = load_fsaverage("fsaverage5")["pial"].parts
    for side in SIDES:
        assert mesh.parts[side].n_vertices == n_vertices
        if has_places:
            assert np.array_equal(mesh.parts[side].coordinates, expected[side].coordinates)
        else:
            assert not mesh.parts[side].coordinates.any()


def test_a_drawing_by_nilearn_does_not_move_the_mesh_of_the_next_file():
    pair = {side: gifti(numbers(side, 10242, 2)) for side in SIDES}
    before = open_surface(pair).mesh.parts["left"].coordinates.copy()
    places = open_surface(pair).mesh.parts["left"].coordinates
    places -= places.mean(axis=0)  # what nilearn.plotting.plot_surf does with the mesh it is given
    assert np.array_equal(open_surface(pair).mesh.parts["left"].coordinates, before)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (surface_image(), True),
        ({"left": "a.gii"}, True),
        ({"lh": "a.gii"}, True),  # a surface given by another name, which is said
        ("a.func.gii", True),
        ("A.GII", True),
        ("a.gii.gz", True),
        ("a.dtseries.nii", True),
        ("a.ptseries.nii", True),
        (["a.gii", "b.gii"], True),
        (("a.gii", None), True),
        (gifti(numbers("left")), True),
        (grayordinates(), True),
        ("a.nii.gz", False),
        ("dtseries.nii", False),
        (["a.nii", "b.nii"], False),
        (["a.gii", "b.gii", "c.gii"], False),
        (nibabel.Nifti1Image(np.zeros((2, 2, 2)), np.eye(4)), False),
        (None, False),
        (np.zeros(3), False),
    ],
)
def test_what_is_surface_data(item, expected):
    assert is_surface(item) is expected


# Times


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("2000.000000", 2.0),  # FreeSurfer's
        ("1.3", 1.3),  # Connectome Workbench's
        ("720", 0.72),
        ("0.000000", None),
        (None, None),
    ],
)
def test_the_time_of_a_volume_is_read_from_gifti(tmp_path, step, expected):
    pair = write_pair(tmp_path, step=step)
    assert check_surfaces([pair, pair], [LENGTH, LENGTH], None) == expected
    assert surface_layout(pair).n_volumes == LENGTH


def test_the_time_of_a_volume_is_read_from_cifti():
    runs = [grayordinates(), surface_image(), grayordinates(0.8004)]
    assert check_surfaces(runs, [LENGTH] * 3, None) == 0.8
    assert check_surfaces([grayordinates(3, "HERTZ")], [LENGTH], None) is None
    assert check_surfaces([surface_image()], [LENGTH], None) is None


# What is refused


def refused(tmp_path, *runs, n_rows=LENGTH, mask=None):
    """The message of check_surfaces."""
    with pytest.raises(ValueError) as error:
        check_surfaces(runs, [n_rows] * len(runs), mask)
    assert not isinstance(error.value, DataError)
    return str(error.value)


def test_hemispheres_that_do_not_belong_together(tmp_path):
    pair = write_pair(tmp_path)
    left, right = pair.values()
    swapped = "was given as the left hemisphere and says that it is the right one"
    assert swapped in refused(tmp_path, {"left": right, "right": left})
    assert swapped in refused(tmp_path, [right, left])
    assert swapped in refused(tmp_path, [right, right])
    plain = {side: tmp_path / f"{side}.gii" for side in SIDES}
    for side in SIDES:
        gifti(numbers("left")).to_filename(plain[side])
    assert "the same values in both hemispheres" in refused(tmp_path, plain)
    assert "the same values in both hemispheres" in refused(
        tmp_path, surface_image(lambda side: numbers("left"))
    )
    short = {"left": gifti(numbers("left")), "right": gifti(numbers("right")[:, :5])}
    message = refused(tmp_path, short)
    assert "7 volumes in its left hemisphere and 5 volumes in its right one" in message
    one = {"left": gifti(numbers("left")), "right": gifti(numbers("right")[:, :1])}
    assert "1 volume in its right one" in refused(tmp_path, one)
    other = {"left": gifti(numbers("left")), "right": gifti(numbers("right", 2562))}
    assert "642 vertices in its left hemisphere and 2562" in refused(tmp_path, other)
    steps = {side: gifti(numbers(side), step=2 + (side == "left")) for side in SIDES}
    assert "different times from one volume to the next, [2.0, 3.0] s" in refused(tmp_path, steps)


@pytest.mark.parametrize("name", ["hemi-R_bold.func.gii", "rh.func.gii", "100307.R.32k.func.gii"])
def test_a_file_name_says_the_hemisphere_where_metadata_do_not(tmp_path, name):
    gifti(numbers("left")).to_filename(tmp_path / name)
    assert "says that it is the right one" in refused(tmp_path, {"left": tmp_path / name})
    assert check_surfaces([{"right": tmp_path / name}], [LENGTH], None) is None
    gifti(numbers("left"), "left").to_filename(tmp_path / name)
    assert check_surfaces([{"left": tmp_path / name}], [LENGTH], None) is None


def test_runs_that_do_not_belong_together(tmp_path):
    pair = write_pair(tmp_path)
    fine = write_pair(tmp_path / "fine", "fsaverage4", lambda side: numbers(side, 2562))
    assert "Run 2, " in refused(tmp_path, pair, fine)
    assert "has 2562 left vertices and 2562 right vertices; expected 642" in refused(
        tmp_path, pair, fine
    )
    half = {"left": pair["left"]}
    assert "has 642 left vertices; expected 642 left vertices and 642" in refused(
        tmp_path, pair, half
    )
    assert "no surface data, but another run is" in refused(tmp_path, pair, "run2.nii.gz")
    slow = write_pair(tmp_path / "slow", step=3000)
    quick = write_pair(tmp_path / "quick", step=2000)
    assert "The runs have different times" in refused(tmp_path, slow, quick)
    assert "7 volumes and its stimulus table has 8 rows" in refused(tmp_path, pair, n_rows=8)


def test_what_is_no_time_series(tmp_path):
    one = write_pair(tmp_path / "one", values=lambda side: numbers(side)[:, :1])
    assert "has values of the shape (642,); expected a time series" in refused(tmp_path, one)
    maps = grayordinates(rows=ScalarAxis(["one"]))
    assert "holds maps; expected a time series" in refused(tmp_path, maps)
    complex_values = surface_image(lambda side: numbers(side) * 1j)
    assert "values of type complex" in refused(tmp_path, complex_values)
    labels = {side: gifti(np.int32(numbers(side)), intent="NIFTI_INTENT_LABEL") for side in SIDES}
    assert "holds labels of regions" in refused(tmp_path, labels)
    mesh = GiftiImage()
    for name in ("POINTSET", "TRIANGLE"):
        mesh.add_gifti_data_array(
            GiftiDataArray(np.zeros((SMALL, 3), np.float32), f"NIFTI_INTENT_{name}")
        )
    mesh.to_filename(tmp_path / "lh.surf.gii")
    assert "lh.surf.gii is a mesh" in refused(tmp_path, {"left": tmp_path / "lh.surf.gii"})
    turned = {side: gifti(numbers(side).T.copy(), as_one=True) for side in SIDES}
    message = refused(tmp_path, turned)
    assert "has 7 vertices in its left hemisphere (values of the shape (7, 642))" in message
    odd = {side: gifti(numbers(side, 643)) for side in SIDES}
    assert "fsaverage3 642" in refused(tmp_path, odd)
    three = {"left": GiftiImage(darrays=[GiftiDataArray(np.zeros((SMALL, 2, 2), np.float32))])}
    assert "has arrays of the shapes [(642, 2, 2)]" in refused(tmp_path, three)
    ragged = {"left": gifti(numbers("left"))}
    ragged["left"].add_gifti_data_array(GiftiDataArray(np.zeros(12, np.float32)))
    assert "has arrays of the shapes [(12,), (642,)]" in refused(tmp_path, ragged)
    step = write_pair(tmp_path / "step", step="2 s")
    assert "has the TimeStep '2 s' in its metadata" in refused(tmp_path, step)


def test_what_is_no_pair(tmp_path):
    pair = write_pair(tmp_path)
    assert "is one hemisphere; expected a pair a run" in refused(tmp_path, pair["left"])
    assert "the keys ['lh', 'rh']" in refused(tmp_path, {"lh": "a.gii", "rh": "b.gii"})
    assert "the keys []" in refused(tmp_path, {})
    for value in (None, "a.nii.gz", 3, surface_image()):
        message = refused(tmp_path, {"left": pair["left"], "right": value})
        assert "The right hemisphere was given as" in message
        assert "expected a GIFTI file" in message
    with pytest.raises(ValueError, match="was given as 3; expected"):
        open_surface(3)


def test_cifti_of_another_kind(tmp_path):
    volumes = BrainModelAxis.from_mask(np.ones((2, 2, 2)), "THALAMUS_LEFT", np.eye(4))
    series = SeriesAxis(0, 1, 3)
    deep = Cifti2Image(np.zeros((3, 8), np.float32), (series, volumes))
    assert "no cortex, only ['CIFTI_STRUCTURE_THALAMUS_LEFT']" in refused(tmp_path, deep)
    labels = LabelAxis(["areas"], {1: ("V1", (1, 0, 0, 1))})
    assert "a CIFTI file of another kind" in refused(tmp_path, grayordinates(rows=labels))
    scalars = ScalarAxis(["a", "b"])
    connections = Cifti2Image(np.zeros((2, 2), np.float32), (scalars, scalars))
    assert "a CIFTI file of another kind" in refused(tmp_path, connections)
    volume = nibabel.Nifti1Image(np.zeros((2, 2, 2, 3), np.float32), np.eye(4))
    volume.to_filename(tmp_path / "a.dtseries.nii")
    assert "holds a Nifti1Image; expected a Cifti2Image" in refused(
        tmp_path, tmp_path / "a.dtseries.nii"
    )


# Files that cannot be read


def broken(tmp_path, path):
    """The message of the DataError."""
    item = {"left": path} if path.name.endswith("gii") else path
    with pytest.raises(DataError) as error:
        surface_layout(item)
        open_surface(item)
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["lh.func.gii", "a.dtseries.nii"])
def test_files_that_cannot_be_read(tmp_path, name):
    path = tmp_path / name
    assert "check the path, or get the file anew" in broken(tmp_path, path)  # missing
    path.mkdir()
    broken(tmp_path, path)
    path.rmdir()
    for text in ("", "no XML", "<xml/>", "<GIFTI/>", '<?xml version="1.0"?><GIFTI></GIFTI>'):
        path.write_text(text, encoding="utf-8")
        broken(tmp_path, path)


@pytest.mark.parametrize("name", ["lh.func.gii", "a.dtseries.nii"])
def test_no_damage_to_a_file_ends_in_a_bare_error(tmp_path, name):
    rng = np.random.default_rng(1)
    path = tmp_path / name
    is_gifti = name.endswith("gii")
    (gifti(numbers("left"), "left", 2000) if is_gifti else grayordinates()).to_filename(path)
    item, whole = {"left": path} if is_gifti else path, path.read_bytes()
    start = whole.find(b"<")  # where the XML begins
    ended = {"read": 0, "refused": 0}
    for attempt in range(150):
        text = bytearray(whole)
        if attempt % 2:
            del text[rng.integers(len(text)) :]
        else:
            for place in rng.integers(start, start + 3000, 1 + attempt % 5):
                text[place] = rng.integers(32, 127)
        path.write_bytes(text)
        try:
            with warnings.catch_warnings():
                # nibabel says in a warning what it leaves out of a header that it can read.
                warnings.simplefilter("ignore")
                surface_layout(item)
                found = open_surface(item).data.parts["left"]
        except (DataError, ValueError):
            ended["refused"] += 1
        else:
            ended["read"] += 1
            if is_gifti:  # CIFTI has no checksum, so that a damaged number is a number
                assert np.array_equal(found, numbers("left"))
    assert ended["refused"] >= 75  # every file that was cut, at least


# Masks


def test_a_mask_takes_its_vertices_in_order(tmp_path):
    pair = write_pair(tmp_path)
    chosen = {"left": [3, 77], "right": [0, 5, 641]}

    def region(side):
        values = np.zeros(SMALL, dtype=np.float32)
        values[chosen[side]] = 1
        return values

    files = write_pair(
        tmp_path / "mask", values=lambda s: region(s)[:, np.newaxis], ending="shape.gii"
    )
    for mask in (files, surface_image(region), surface_image(lambda s: region(s) > 0)):
        assert check_surfaces([pair], [LENGTH], mask) is None
        masker = surface_masker(mask, {}, pair)
        expected = [numbers(side)[v] for side, vertices in chosen.items() for v in vertices]
        assert np.array_equal(read_surface_series(pair, masker), np.transpose(expected))
        # On the mesh of the run, whatever mesh the mask came with: nilearn then has no doubts.
        assert masker.transform(open_surface(pair)).shape == (LENGTH, 5)


def test_masks_may_be_cifti_maps_and_labels():
    run = grayordinates()
    mask = grayordinates(rows=ScalarAxis(["V1"]))
    values = np.zeros_like(np.asarray(mask.dataobj))
    values[0, 4:6] = 1
    mask = Cifti2Image(values, mask.header)
    masker = surface_masker(mask, {}, run)
    series = read_surface_series(run, masker)
    assert np.array_equal(series, numbers("left")[44:46].T)  # after 40 of the medial wall
    labels = {
        side: gifti(np.ones((SMALL, 1), np.int32), intent="NIFTI_INTENT_LABEL") for side in SIDES
    }
    assert surface_masker(labels, {}, surface_image()).n_elements_ == 2 * SMALL


def one_at(*places, value=1.0):
    def values(side):
        mask = np.zeros(SMALL)
        mask[list(places)] = value
        return mask

    return values


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (surface_image(one_at()), "is empty"),
        (surface_image(one_at(3, value=np.nan)), "has NaN or infinite values"),
        (surface_image(one_at(3, value=np.inf)), "has NaN or infinite values"),
        (surface_image(lambda side: numbers(side)[:, 0]), "different values; expected 0 outside"),
        (surface_image(one_at(3, value=-1) and (lambda s: one_at(3)(s) - 2)), "2 different values"),
        (surface_image(numbers), "has 7 maps; expected one"),
        (surface_image(lambda side: np.ones(2562), 2562), "expected the same mesh"),
        ({"left": gifti(np.ones((SMALL, 1), np.float32))}, "has 642 left vertices, and the runs"),
        ("V1.nii.gz", "is no surface data, but the runs are"),
        (nibabel.Nifti1Image(np.ones((2, 2, 2)), np.eye(4)), "is no surface data"),
    ],
)
def test_masks_that_do_not_fit(mask, message):
    run = surface_image()
    with pytest.raises(ValueError) as error:
        check_surfaces([run], [LENGTH], mask)
    assert message in str(error.value)
    with pytest.raises(ValueError) as error:
        surface_masker(mask, {}, run)
    assert message in str(error.value)


def test_a_hemisphere_without_values_is_said():
    run = surface_image(lambda side: numbers(side) * (side == "left"))
    with pytest.raises(ValueError, match="nothing but 0 and NaN in its right hemisphere"):
        surface_masker(None, {}, run)


@pytest.mark.parametrize(
    "options", [{"smoothing_fwhm": 6}, {"n_jobs": 2}, {"mask_strategy": "epi"}, {"mask_img": 1}]
)
def test_options_that_surfaces_do_not_have(options):
    with pytest.raises(ValueError, match="cannot be done on a surface"):
        surface_masker(None, options, surface_image())


def test_a_run_on_another_mesh_is_not_read():
    masker = surface_masker(None, {}, surface_image())
    other = surface_image(lambda side: numbers(side, 2562), 2562)
    with pytest.raises(ValueError, match="has 2562 left vertices and 2562 right"):
        read_surface_series(other, masker)
    with pytest.raises(ValueError, match="expected a time series"):
        read_surface_series(surface_image(everywhere), masker)


# From files to scores


def test_the_vertices_that_were_given_a_response_score(tmp_path):
    rng = np.random.default_rng(5)
    n_vertices, n_runs, length, n_features = 10242, 4, 60, 8
    responding = {"left": [11, 5000], "right": [12, 700, 10241]}
    runs, features = [], []
    for run in range(n_runs):
        shown = rng.standard_normal((length, n_features))
        features.append(shown)

        def measured(side, shown=shown):
            values = 500 + 3 * rng.standard_normal((n_vertices, length))
            for vertex in responding[side]:
                weights = np.random.default_rng(vertex).standard_normal(n_features)
                values[vertex] += 5 * shown @ weights
            values[100:150] = np.nan  # medial wall
            return values.astype(np.float32)

        folder = tmp_path / f"run{run}"
        runs.append(write_pair(folder, "fsaverage5", measured, step=2000))
    assert check_surfaces(runs, [length] * n_runs, None) == 2.0
    options = {"standardize": "zscore_sample", "detrend": True}
    masker = surface_masker(None, options, runs[0])
    assert masker.n_elements_ == 2 * (n_vertices - 50)
    cleaned = [clean(read_surface_series(run, masker), **options) for run in runs]
    with_nilearn = SurfaceMasker(mask_img=masker.mask_img_, reports=False, **options).fit()
    expected = with_nilearn.transform(open_surface(runs[0]))
    np.testing.assert_allclose(cleaned[0], expected, rtol=0, atol=1e-5)
    X, Y = np.vstack(features), np.vstack(cleaned)
    train = np.arange(len(X)) < 3 * length
    groups = np.repeat(np.arange(3), length)
    model = RidgeCV(cv=3).fit(X[train], Y[train], groups=groups)
    residual = ((Y[~train] - model.predict(X[~train])) ** 2).sum(axis=0)
    scores = 1 - residual / ((Y[~train] - Y[~train].mean(axis=0)) ** 2).sum(axis=0)
    on_surface = masker.inverse_transform(scores)
    for side in SIDES:
        found = np.flatnonzero(on_surface.data.parts[side] > 0.6)
        assert found.tolist() == responding[side]
        assert not on_surface.data.parts[side][100:150].any()
    places = load_fsaverage("fsaverage5")["pial"].parts["right"].coordinates
    assert np.array_equal(on_surface.mesh.parts["right"].coordinates, places)


# Drawn


def one_value_map(chosen, value=2.0, n_vertices=10242):
    """A map on fsaverage5 that is 0 but at the chosen vertices of each hemisphere."""
    values = {side: np.zeros(n_vertices) for side in SIDES}
    for side, vertices in chosen.items():
        values[side][vertices] = value
    return SurfaceImage(load_fsaverage("fsaverage5")["pial"], values)


def drawn_colours(ax):
    """Colours other than grey of the triangles of a panel, and of how many."""
    colours = ax.collections[0].get_facecolor()[:, :3]
    coloured = colours[np.ptp(colours, axis=1) > 0.05]
    return np.unique(coloured.round(3), axis=0), len(coloured)


@pytest.fixture
def inflated():
    return load_fsaverage("fsaverage5")["inflated"].parts


def test_a_vertex_is_drawn_with_its_triangles_on_its_hemisphere(inflated):
    image = one_value_map({"left": [5000], "right": [7, 8000, 9000]})
    fig, axes = draw_surface(image, "score", limits=(0, 2), views=["posterior"])
    expected = plt.get_cmap("viridis")(1.0)[:3]
    for ax, side, vertices in zip(axes, SIDES, ([5000], [7, 8000, 9000]), strict=True):
        colours, n_drawn = drawn_colours(ax)
        np.testing.assert_allclose(colours, [expected], atol=2e-3)
        assert n_drawn == np.isin(inflated[side].faces, vertices).any(axis=1).sum()
        assert ax.get_title() == f"{side}, from behind"
    bar = fig.axes[-1]
    assert (bar.get_ylabel(), bar.get_ylim()) == ("score", (0, 2))


def test_a_triangle_has_the_mean_of_the_corners_that_are_drawn(inflated):
    image = one_value_map({"left": [5000]})
    corners = inflated["left"].faces[(inflated["left"].faces == 5000).any(axis=1)][0]
    second = corners[corners != 5000][0]
    image.data.parts["left"][second] = 1.0
    _, axes = draw_surface(image, "score", limits=(0, 2), views="lateral")
    found, _ = drawn_colours(axes[0])
    expected = plt.get_cmap("viridis")([0.5, 0.75, 1.0])[:, :3]
    np.testing.assert_allclose(found, expected[np.lexsort(expected.T[::-1])], atol=2e-3)
    assert drawn_colours(axes[1])[1] == 0


def test_a_mask_lets_0_be_drawn_and_leaves_out_what_lies_outside(inflated):
    image = one_value_map({"left": [5000, 6000]})
    mask = one_value_map({"left": [5000], "right": [10]})
    fig, axes = draw_surface(image, "score", mask=mask, views=["posterior"])
    for ax, side, vertex in zip(axes, SIDES, (5000, 10), strict=True):
        assert drawn_colours(ax)[1] == (inflated[side].faces == vertex).any(axis=1).sum()
    low, high = fig.axes[-1].get_ylim()  # by default the range of what is drawn, here 0 to 2
    assert (low, high) == (0, 2)


def test_a_map_with_one_value_is_drawn():
    fig, axes = draw_surface(one_value_map({"right": [5000]}), "score", views=["lateral"])
    low, high = fig.axes[-1].get_ylim()
    assert low < 2 < high
    assert drawn_colours(axes[1])[1] == 6


def test_a_drawing_moves_no_mesh():
    mesh = {
        side: mesh.loaded() for side, mesh in load_fsaverage("fsaverage5")["pial"].parts.items()
    }
    before = mesh["left"].coordinates.copy()
    image = SurfaceImage(mesh, one_value_map({"left": [5000]}).data)
    for options in ({}, {"mesh": image.mesh}):
        draw_surface(image, "score", limits=(0, 2), views=["medial"], **options)
        assert np.array_equal(mesh["left"].coordinates, before)


def test_one_hemisphere_and_a_mesh_of_ones_own(tmp_path, inflated):
    image = surface_image(lambda side: numbers(side)[:, 0])
    files = {side: tmp_path / f"{side}.surf.gii" for side in SIDES}
    for side in SIDES:
        image.mesh.parts[side].to_gifti(files[side])
    left = SurfaceImage({"left": image.mesh.parts["left"]}, {"left": image.data.parts["left"]})
    _, axes = draw_surface(left, "vertex", mesh=files)
    assert [ax.get_title() for ax in axes] == ["left, from behind", "left, inner side"]
    assert drawn_colours(axes[0])[1] == 1  # its mesh has one triangle


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": surface_image()}, "expected one value a vertex"),
        ({"image": surface_image(everywhere)}, "on another mesh than fsaverage5"),
        ({"image": one_value_map({})}, "0 or NaN in all vertices"),
        ({"image": one_value_map({"left": [3]}, np.nan)}, "0 or NaN in all vertices"),
        ({"image": one_value_map({"left": [3]}, np.inf)}, "infinite in 1 vertices"),
        ({"mask": surface_image(everywhere)}, "The mask has the vertices"),
        ({"mesh": "fsaverage6"}, 'expected "fsaverage5", or a .surf.gii'),
        ({"mesh": {"left": "none.surf.gii"}}, 'expected "fsaverage5", or a .surf.gii'),
        ({"mesh": surface_image().mesh}, "expected the mesh on which the map was measured"),
        ({"views": "behind"}, "expected one or more of"),
        ({"views": []}, "expected one or more of"),
        ({"limits": (1, 1)}, "the lower one first"),
    ],
)
def test_what_cannot_be_drawn_is_said(options, message):
    options = {"image": one_value_map({"left": [3]}), "label": "score"} | options
    with pytest.raises(ValueError) as error:
        draw_surface(**options)
    assert message in str(error.value)


def test_a_map_that_lies_elsewhere_is_not_drawn_on_fsaverage5(tmp_path):
    pair = {}
    for side, letter in SIDES.items():
        pair[side] = tmp_path / f"hemi-{letter}_space-onavg_den-10k_score.shape.gii"
        gifti(numbers(side, 10242, 1)).to_filename(pair[side])
    with pytest.raises(ValueError, match="on another mesh than fsaverage5"):
        draw_surface(pair, "score")


def test_an_opened_cifti_file_is_told_by_what_it_holds(tmp_path):
    """The image object knows the path alone, and what is there may be written anew."""
    path = tmp_path / "a.dtseries.nii"
    written = grayordinates()
    written.to_filename(path)
    before = fingerprint(nibabel.load(path))
    assert fingerprint(nibabel.load(path)) == before == fingerprint(written)
    values = written.get_fdata()
    type(written)(values[::-1], written.header).to_filename(path)
    assert fingerprint(nibabel.load(path)) != before
