"""Whole recordings that nobody thought of: what was put in, row by row, or a sentence of ours.

Hypothesis draws runs, files, tables, events, confounds and options together, each time the same
ones; HYPOTHESIS_EXAMPLES=5000 tries as many of each test.
"""

import os
import re
import tempfile
import traceback
import warnings
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nilearn.image import smooth_img
from nilearn.signal import clean
from PIL import Image
from scipy.interpolate import CubicSpline

import helpers
from helpers import data
from helpers._files import DataError
from helpers.ridge import RidgeCV

HELPERS = str(Path(helpers.__file__).parent)
CLEAN = {"detrend": True, "standardize": "zscore_sample"}
ROUNDING = 5e-4  # of responses in standard deviations: files in single precision
# What the helpers warn of, wherever in them. Nothing else may reach the reader.
OURS = re.compile(
    r"constant in at least one run|volumes stand out|Events without a volume|Volumes are missing|"
    r"have the duration 0|lie outside the run|have no event of|begin while the same|"
    r"boolean values for 'standardize' will be|"  # nilearn's, of an option of its own
    r"throughout|programs write that do not know it|counts as a trial like any"
)
ODD_NAMES = st.sampled_from(["run", "a b", "[1]*?", "über'\"", "#%&{}$", "-x", "sub-01_run~1"])


LAST = []  # what was refused last


def tries(share):
    """Settings of a test that takes a share of the inputs."""
    return settings(
        max_examples=max(1, int(share * int(os.environ.get("HYPOTHESIS_EXAMPLES", 160)))),
        derandomize="HYPOTHESIS_EXAMPLES" not in os.environ,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def ours(function, *given, **options):
    """What a function returns, or None where it says why not in a sentence of ours."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            result = function(*given, **options)
        except (ValueError, DataError) as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            assert last.filename.startswith(HELPERS), f"raised in {last.filename}:{last.lineno}"
            assert type(error) in (ValueError, DataError), type(error)
            assert len(str(error)) > 30 and str(error).endswith("."), error
            result, LAST[:] = None, [str(error)]
    foreign = [str(one.message) for one in told if not OURS.search(str(one.message))]
    assert not foreign, foreign
    return result


# ---------------------------------------------------------------------------------------------
# What is put in


@st.composite
def grids(draw):
    """Shape, affine with axes in any order and direction, and which voxels are inside."""
    shape = draw(st.sampled_from([(2, 2, 2), (3, 1, 2), (1, 4, 1), (2, 3, 1)]))
    order, signs = draw(st.permutations(range(3))), draw(st.tuples(*[st.sampled_from([-1, 1])] * 3))
    affine = np.eye(4)
    affine[:3, :3] = np.diag(np.multiply([2.0, 2.5, 3.0], signs))[:, list(order)]
    affine[:3, 3] = draw(st.sampled_from([0.0, -31.5]))
    n_voxels = int(np.prod(shape))
    inside = np.array(draw(st.lists(st.booleans(), min_size=n_voxels, max_size=n_voxels)))
    inside[draw(st.integers(0, n_voxels - 1))] = True
    return shape, affine, inside.reshape(shape)


@st.composite
def measured(draw, shape, n_volumes):
    """Values of one run, (i, j, k, n_volumes), and their type."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    values = np.clip(np.round(120 + 16 * rng.standard_normal((*shape, n_volumes)), 4), 0, 250)
    kind = draw(st.sampled_from(["f4", "f8", "u1", "scaled i2"]))
    if kind == "u1":
        values = np.round(values)
    if kind == "scaled i2":
        values = np.round(4 * values) / 4
    if kind == "f4":
        values = values.astype(np.float32).astype(np.float64)
    flat = values.reshape(-1, n_volumes)
    for odd in draw(st.lists(st.sampled_from(["still", "twin", "zero", "spike"]), max_size=2)):
        voxel, volume = draw(st.integers(0, len(flat) - 1)), draw(st.integers(0, n_volumes - 1))
        if odd == "still":
            flat[voxel] = flat[voxel, 0]
        elif odd == "twin":
            flat[voxel] = flat[0]
        else:
            flat[:, volume] = 0 if odd == "zero" else 250
    if draw(st.integers(0, 19)) == 0:
        flat[:] = flat[:, :1]
    return values, kind


def as_image(values, kind, affine, t_r):
    """An image in memory."""
    image = nibabel.Nifti1Image(values.astype("f8" if kind == "scaled i2" else kind), affine)
    image.header.set_zooms((*nibabel.affines.voxel_sizes(affine), t_r))
    if kind == "scaled i2":
        image.set_data_dtype("i2")
    return image


@st.composite
def holders(draw):
    """How an image is given: a function of image, folder and number."""
    name, form = draw(ODD_NAMES), draw(st.sampled_from(["memory", ".nii", ".nii.gz", ".hdr"]))
    as_text = draw(st.booleans())

    def hold(image, folder, number):
        if form == "memory":
            return image
        path = folder / f"{name}{number}{form}"
        kind = nibabel.Nifti1Pair if form == ".hdr" else nibabel.Nifti1Image
        dtype = image.get_data_dtype()
        scaled = dtype == np.int16
        values = (image.get_fdata() * (4 if scaled else 1)).astype(dtype)
        image = kind(values, image.affine, image.header)
        if scaled:  # what the file holds, and what it stands for
            image.header.set_slope_inter(0.25, 0)
        image.to_filename(path)
        return str(path) if as_text else path

    return hold


@st.composite
def tables(draw, lengths):
    """What each run shows, (n_volumes, n_features), the form in which it is given, and a shape."""
    kind = draw(st.sampled_from(["features", "features", "pixels"]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    if kind == "features":
        n_features = draw(st.integers(1, 4))
        found = [np.round(rng.standard_normal((n, n_features)), 3) for n in lengths]
        for table in found:
            table[: draw(st.integers(0, 3))] = 0
        forms = ["array", "lists", "frame", "header.csv", "header.tsv", ".npy"]
        return found, draw(st.sampled_from(forms)), None, 0
    shape = draw(st.sampled_from([(1, 2), (2, 2), (3, 2)]))
    form = draw(st.sampled_from([".csv", "array", "images", "frames", ".npy"]))
    rest = draw(st.sampled_from([0, -1])) if form in (".csv", "array", ".npy") else 0
    found = []
    for n in lengths:
        blocks = rng.integers(0, 2, (n // 3 + 1, shape[0] * shape[1])).astype(float)
        blocks[rng.random(len(blocks)) < 0.4] = rest
        found.append(np.repeat(blocks, 3, axis=0)[:n])
    return found, form, shape, rest


def write_table(table, form, shape, folder, number):
    """A table of features in one of the forms that are read."""
    if form == "array":
        return table
    if form == "lists":
        return table.tolist()
    if form == "frame":
        return pd.DataFrame(table, columns=[f"f{i}" for i in range(table.shape[1])])
    if form == "images":
        return table.reshape(-1, *shape)
    path = folder / f"what [{number}]{form}"
    if form == "frames":
        path.mkdir()
        for at, image in enumerate(table):
            pixels = np.uint8(255 * image.reshape(shape))
            Image.fromarray(pixels).save(path / f"frame{at}.png")
    elif form == ".npy":
        np.save(path, table)
    elif form == ".csv":  # pixels down the columns of the image
        down = table.reshape(-1, *shape).transpose(0, 2, 1).reshape(len(table), -1)
        np.savetxt(path, down, delimiter=",", fmt="%g")
    else:
        names = [f"f{i}" for i in range(table.shape[1])]
        separator = "\t" if form.endswith("tsv") else ","
        pd.DataFrame(table, columns=names).to_csv(path, index=False, sep=separator)
    return path


@st.composite
def volumes_kept(draw, n_volumes):
    """Volumes that are kept, and the form in which they are given."""
    dropped = draw(st.sets(st.integers(0, n_volumes - 1), max_size=n_volumes // 3))
    if draw(st.booleans()) or not dropped:
        return np.arange(n_volumes), None
    kept = np.setdiff1d(np.arange(n_volumes), list(dropped))
    form = draw(st.sampled_from([np.asarray, list, pd.Series, np.uint8, "bool"]))
    return kept, np.isin(np.arange(n_volumes), kept) if form == "bool" else form(kept)


@st.composite
def confound_tables(draw, kept, n_volumes):
    """Confounds of a run, (n_volumes, n) or None, and the form in which they are given."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n = draw(st.integers(0, 4))
    if not n:
        return None, None
    table = np.round(rng.standard_normal((n_volumes, n)) * draw(st.sampled_from([1, 1e-4, 300])), 6)
    if draw(st.booleans()):
        table[:, -1] = draw(st.sampled_from([0.0, 1.0])) if n > 1 else table[:, 0]
    given = table.copy()
    lost = np.setdiff1d(np.arange(n_volumes), kept)
    if len(lost) and draw(st.booleans()):
        given[lost[0], 0] = np.nan
    return table, (given, draw(st.sampled_from(["array", "frame", "lists", "tsv", "parts"])))


def write_confounds(given, folder, number):
    """Confounds in one of the forms that are read."""
    if given is None:
        return None
    table, form = given
    frame = pd.DataFrame(table, columns=[f"c{i}" for i in range(table.shape[1])])
    if form == "tsv":
        frame.to_csv(folder / f"confounds{number}.tsv", sep="\t", index=False, na_rep="n/a")
        return folder / f"confounds{number}.tsv"
    if form == "parts":
        return [frame.iloc[:, :1], frame.iloc[:, 1:]]
    return {"array": table, "frame": frame, "lists": table.tolist()}[form]


# ---------------------------------------------------------------------------------------------
# What should come out, by hand


def cleaned(case, run):
    """The kept rows of a run as nilearn cleans them."""
    values, inside, kept = case.values[run], case.inside, case.kept[run]
    if case.options.get("smoothing_fwhm"):
        image = nibabel.Nifti1Image(values, case.affine)
        values = smooth_img(image, case.options["smoothing_fwhm"]).get_fdata()
    series = values[inside].T
    table = case.confounds[run]
    options = CLEAN | case.options
    options |= options.pop("clean_args", {})
    options.pop("smoothing_fwhm", None)
    between = np.arange(kept[0], kept[-1] + 1)
    if "high_pass" in options and "filter" not in options:
        series = CubicSpline(kept, series[kept])(between)
        table = None if table is None else CubicSpline(kept, table[kept])(between)
        kept = kept - kept[0]
    if len(kept) == len(series):
        kept = None
    with np.errstate(all="ignore"):
        return clean(series, confounds=table, sample_mask=kept, **options)


def by_hand(case):
    """Rows of a recording, one after the other."""
    still = np.zeros(case.inside.sum(), dtype=bool)
    found = SimpleNamespace(bold=[], stimuli=[], runs=[], volumes=[], is_on=[])
    for run, kept in enumerate(case.kept):
        raw = case.values[run][case.inside][:, kept]
        still |= (raw == raw[:, :1]).all(axis=1)
        for row, volume in zip(cleaned(case, run), kept, strict=True):
            if volume >= case.lag:
                found.bold.append(row)
                found.stimuli.append(case.shown[run][volume - case.lag])
                found.runs.append(run)
                found.volumes.append(volume)
                found.is_on.append(case.on[run][volume - case.lag])
    found.bold = np.array(found.bold)
    found.bold[:, still] = 0
    return found


def too_short(case):
    """Whether confounds leave nothing of a run, or a run is too short for the filter."""
    for table, kept in zip(case.confounds, case.kept, strict=True):
        # SciPy mirrors three times the filter's length at both ends.
        filtered = "high_pass" in case.options and "clean_args" not in case.options
        if filtered and kept[-1] - kept[0] + 1 <= 18:
            return True
        if table is not None:
            scale = np.abs(table).max(axis=0)
            full = np.column_stack(
                [np.ones(len(kept)), kept, (table / np.where(scale, scale, 1))[kept]]
            )
            if np.linalg.matrix_rank(full) >= len(kept):
                return True
    return False


def any_twice(case):
    """Whether two runs hold the same measurements in volumes of the same numbers."""
    return any(
        np.array_equal(case.values[i][case.inside], case.values[j][case.inside])
        and np.intersect1d(case.kept[i], case.kept[j]).size
        for i, j in combinations(range(len(case.values)), 2)
    )


# ---------------------------------------------------------------------------------------------
# Cases

OPTIONS = st.sampled_from(
    [{}] * 4
    + [
        {"detrend": False},
        {"standardize": None},
        {"high_pass": 0.02, "t_r": 2.0},
        {"high_pass": 0.05, "t_r": 2.0, "clean_args": {"filter": "cosine"}},
        {"smoothing_fwhm": 4},
    ]
)
FAULTS = [
    "rows",
    "grid",
    "NaN",
    "copy",
    "mask",
    "kept",
    "confounds",
    "rows of confounds",
    "t_r",
    "header",
    "shift",
    "labels of runs",
    "features",
    "file",
]


@st.composite
def cases(draw):
    """Arguments of a recording, what is known of it, and what is wrong with it, if anything."""
    case = SimpleNamespace(wrong=draw(st.sampled_from([None] * len(FAULTS) + FAULTS)))
    case.shape, case.affine, case.inside = draw(grids())
    lengths = draw(st.lists(st.integers(12, 30), min_size=1, max_size=3))
    if case.wrong == "copy":
        lengths = [lengths[0]] * max(2, len(lengths))
    drawn = [draw(measured(case.shape, n)) for n in lengths]
    case.values, case.kinds = [list(part) for part in zip(*drawn, strict=True)]
    case.together = draw(st.integers(0, 3)) == 0 or case.wrong == "labels of runs"
    if case.together:
        case.kinds = ["f8"] * len(lengths)
    chosen = [draw(volumes_kept(n)) for n in lengths]
    case.kept, case.given_kept = [list(part) for part in zip(*chosen, strict=True)]
    if case.together:
        # A table for all volumes, so each run gets as many columns.
        both = [(None, None)] * len(lengths)
        if draw(st.booleans()):
            rng = np.random.default_rng(draw(st.integers(0, 10**6)))
            both = [(t, (t, "frame")) for t in (rng.standard_normal((n, 2)) for n in lengths)]
    else:
        both = [draw(confound_tables(k, n)) for k, n in zip(case.kept, lengths, strict=True)]
    case.confounds, case.given_confounds = [list(part) for part in zip(*both, strict=True)]
    case.shown, case.form, case.pixels, case.rest = draw(tables(lengths))
    coded = case.rest == -1 and any((t == -1).all(axis=1).any() for t in case.shown)
    case.on = [(t != (-1 if coded else 0)).any(axis=1) for t in case.shown]
    case.options = dict(draw(OPTIONS))
    case.header_t_r = draw(st.sampled_from([2.0, 2.0, 0.0, 1.0]))
    case.t_r = draw(st.sampled_from([None, 2.0]))
    known = 2.0 in (case.header_t_r, case.t_r, case.options.get("t_r"))
    case.known_t_r = 2.0 if known else None
    case.shift = draw(st.sampled_from([None, 0, 1, 3, np.int64(2)]))
    case.lag = 2 if case.shift is None else case.shift
    case.memory = draw(st.sampled_from([None, None, "text", "path"]))
    case.hold, case.hold_mask = draw(holders()), draw(holders())
    case.mask_kind = draw(st.sampled_from(["u1", "f4", "f8", "4-D"]))
    case.fits = True
    case.at = draw(st.integers(0, len(lengths) - 1))
    case.which = draw(st.integers(0, 9))
    return case


def arguments(case, folder):
    """The arguments of from_files and of recording."""
    images = [
        as_image(values, kind, case.affine, case.header_t_r)
        for values, kind in zip(case.values, case.kinds, strict=True)
    ]
    mask = case.inside.astype("u1" if case.mask_kind == "4-D" else case.mask_kind)
    mask = mask[..., np.newaxis] if case.mask_kind == "4-D" else mask
    labels = [
        write_table(table, case.form, case.pixels, folder, i) for i, table in enumerate(case.shown)
    ]
    given = {
        "mask": case.hold_mask(nibabel.Nifti1Image(mask, case.affine), folder, "mask"),
        "shape": case.pixels if case.form in (".csv", "array", ".npy") else None,
        "t_r": case.t_r,
    }
    confounds = [write_confounds(g, folder, i) for i, g in enumerate(case.given_confounds)]
    none_kept = all(item is None for item in case.given_kept)
    if not case.together:
        given |= {
            "func": [case.hold(image, folder, i) for i, image in enumerate(images)],
            "label": labels,
            "confounds": None if all(c is None for c in confounds) else confounds,
            "sample_mask": None if none_kept else case.given_kept,
        }
    else:
        lengths = [table.shape[-1] for table in case.values]
        starts = np.cumsum([0, *lengths[:-1]])
        whole = np.concatenate(case.values, axis=-1)
        names = [["a", "b", "c"], [2.5, 0.5, 1.0], [7, 3, 5]][case.which % 3]
        table = np.concatenate(case.shown)
        table = write_table(table, case.form, case.pixels, folder, "all")
        kept = np.concatenate([k + s for k, s in zip(case.kept, starts, strict=True)])
        given |= {
            "func": case.hold(as_image(whole, "f8", case.affine, case.header_t_r), folder, "all"),
            "label": [table] if case.form == "lists" else table,
            "confounds": None if confounds[0] is None else pd.concat(confounds),
            "sample_mask": None if none_kept else kept,
            "runs": np.repeat(names[: len(lengths)], lengths),
        }
    memory = {"text": str(folder / "cache"), "path": folder / "cache"}.get(case.memory)
    return given, {"shift": case.shift, "memory": memory} | case.options


def spoil(case, given, options, folder):
    """Put in what is wrong; False where this case has no place for it."""
    at, which = case.at, case.which
    volumes = [values.shape[-1] for values in case.values]
    if case.wrong == "rows":
        table = np.concatenate(case.shown) if case.together else case.shown[at]
        table = table[:-1] if which % 2 else np.vstack([table, table[-1:]])
        if case.together:
            given["label"] = [table]
        else:
            given["label"] = [*given["label"][:at], table, *given["label"][at + 1 :]]
        return case.form in ("array", "lists", ".npy")
    if case.wrong == "grid":
        affine = case.affine + np.eye(4) * (np.arange(4) == which % 3) * 0.5
        mask = nibabel.Nifti1Image(case.inside.astype("u1"), affine)
        given["mask"] = mask
        return case.shape[which % 3] > 1
    if case.wrong == "NaN":
        if case.together:
            return False
        values = case.values[at].copy()
        values[tuple(np.argwhere(case.inside)[0])][which] = [np.nan, np.inf, -np.inf][which % 3]
        image = as_image(values, "f4", case.affine, case.header_t_r)
        given["func"][at] = case.hold(image, folder, "NaN")
        return True
    if case.wrong == "copy":
        if case.together:
            return False
        image = as_image(case.values[0], "f8", case.affine, case.header_t_r)
        given["func"][1] = case.hold(image, folder, "copy")
        return True
    if case.wrong == "mask":
        mask = case.inside.astype("f4")
        mask = [mask * 0, mask * np.nan, mask + np.arange(2 + mask.size)[2:].reshape(mask.shape),
                np.stack([mask, mask], axis=-1), mask[..., 0]][which % 5]  # fmt: skip
        given["mask"] = nibabel.Nifti1Image(mask, case.affine)
        return which % 5 != 2 or case.inside.size > 2
    if case.wrong == "kept":
        n = sum(volumes) if case.together else volumes[at]
        bad = [[0, 1, n], [-1, 3, 4], [3, 2, 1], [1, 1, 2, 3], [], [0.0, 1.0, 2.0], [4, 5],
               np.ones(n - 1, bool), [[0, 1, 2]], "abc"][which]  # fmt: skip
        if case.together:
            given["sample_mask"] = bad
        else:
            given["sample_mask"] = [bad if i == at else None for i in range(len(volumes))]
        return True
    if case.wrong == "confounds":
        n = sum(volumes) if case.together else volumes[at]
        good = np.random.default_rng(0).standard_normal((n, 2))
        bad = [good[:-1], np.vstack([good, good[:1]]), np.where(good == good[0, 0], np.nan, good),
               np.full((n, 1), "x"), np.random.default_rng(1).standard_normal((n, n)), good * 1j,
               5, np.zeros((n, 2, 2)), np.where(good == good[0, 0], np.inf, good), [["x"]],
              ][which]  # fmt: skip
        given["sample_mask"] = None
        if case.together:
            given["confounds"] = bad
            return which != 4 or len(volumes) == 1
        given["confounds"] = [bad if i == at else None for i in range(len(volumes))]
        return True
    if case.wrong == "rows of confounds":
        given["confounds"] = [None] * (len(volumes) + 1)
        return not case.together
    if case.wrong == "t_r":
        given["t_r"] = [0, -1.0, np.nan, np.inf, "2", [2.0], 1j, True, 3.0, b"2"][which]
        if which == 7:
            return case.header_t_r == 2.0 or case.options.get("t_r") == 2.0
        return which != 8 or case.header_t_r == 2.0
    if case.wrong == "header":
        if case.together or len(volumes) < 2 or 2.0 not in (case.t_r, case.header_t_r):
            return False
        image = as_image(case.values[at], case.kinds[at], case.affine, 2.5)
        given["func"][at] = case.hold(image, folder, "header")
        return True
    if case.wrong == "shift":
        options["shift"] = [-1, 1.5, 30, "1", np.nan, [1], np.float64(2.0), b"", 10**9, -3][which]
        return True
    if case.wrong == "labels of runs":
        runs = given["runs"]
        first = runs[0]
        given["runs"] = [
            runs[:-1],
            np.concatenate([runs, runs[:1]]),
            np.where(np.arange(len(runs)) == 3, None, runs),
            [np.nan if i == 3 else label for i, label in enumerate(runs.tolist())],
            [*runs[:-1].tolist(), "zz"],
            np.stack([runs, runs]),
            3,
            [first, "zz", *runs[2:].tolist()],
            pd.Series(runs).where(np.arange(len(runs)) != len(runs) - 1),
            "a",
        ][which]
        return True
    if case.wrong == "features":
        table = np.concatenate(case.shown) if case.together else case.shown[at]
        bad = [np.where(np.arange(len(table))[:, None] == 3, np.nan, table), table.astype(str),
               table * 1j, table[:, :0], np.ma.masked_equal(table, table[0, 0]), None, 5,
               [table.tolist()[0], []], pd.DataFrame(table).assign(x="a"), "none",
              ][which]  # fmt: skip
        given["label"] = [bad if i == at else t for i, t in enumerate(case.shown)]
        if case.together:
            given["label"] = [bad]
        return True
    if case.wrong == "file":
        bad = [folder, folder / "none.nii", "", "\0", "x" * 300 + ".nii", "none/none.nii", b"x.nii",
               None, 5, ["a", "b"]][which]  # fmt: skip
        if case.together:
            given["func"] = [bad]
        else:
            given["func"][at] = bad
        return True
    return False


def load(given, options):
    """A recording of these arguments."""
    return data.recording(data.from_files(**given), **options)


def agrees(got, expected):
    """Assert that a recording has these rows."""
    for name in ("runs", "volumes", "is_on"):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name), name)
    np.testing.assert_allclose(got.stimuli, expected.stimuli, atol=1e-9)
    np.testing.assert_allclose(got.bold, expected.bold, rtol=1e-4, atol=ROUNDING)


def use(got, shown, lag):
    """What is made of a recording: right, or refused in a sentence."""
    delays = (0, 1, 4)
    delayed = ours(got.delayed, delays)
    for row, (run, volume) in enumerate(zip(got.runs, got.volumes, strict=True)):
        parts = delayed[row].reshape(len(delays), -1)
        for part, delay in zip(parts, delays, strict=True):
            at = volume - lag - delay
            np.testing.assert_allclose(part, shown[run][at] if at >= 0 else 0, atol=1e-9)
    found = ours(data.trials, got)
    assert (found is None) == (not len(data.image_blocks(got)[0]))
    if found is not None:
        starts, stops = data.image_blocks(got)
        means = [
            got.bold[start:stop].mean(axis=0) for start, stop in zip(starts, stops, strict=True)
        ]
        np.testing.assert_allclose(found.responses, means, atol=1e-5)
        assert (got.runs[starts] == got.runs[stops - 1]).all()
        same = (found.pixels[:, None] == found.pixels).all(axis=2)
        np.testing.assert_array_equal(same, found.image[:, None] == found.image)
    later = ours(data.block_means, got.bold, got, shift=1)
    if later is not None:
        expected = [
            got.bold[
                (got.runs == got.runs[start])
                & (got.volumes > got.volumes[start])
                & (got.volumes <= got.volumes[stop - 1] + 1)
            ].mean(axis=0)
            for start, stop in zip(*data.image_blocks(got), strict=True)
        ]
        np.testing.assert_allclose(later, expected, atol=1e-5)
    alike = ours(data.clean_like, got.stimuli, got)
    assert alike is None or np.isfinite(alike).all()
    assert ours(data.check, got) is None


@pytest.fixture(autouse=True)
def quiet(capsys):
    """Read what `check` prints."""
    yield
    capsys.readouterr()


# ---------------------------------------------------------------------------------------------
# Events

SHOWS = {"a": [1.0, 0.0, -2.0], "b": [0.0, 1.0, 0.5], "1": [3.0, 1.0, 1.0]}
IMAGES = {name: np.reshape([*values, 0.25], (2, 2)) for name, values in SHOWS.items()}
EVENT_FAULTS = [
    "negative duration",
    "no onset",
    "text",
    "columns",
    "empty",
    "unknown name",
    "twice",
    "type",
    "count",
    "t_r",
]


@st.composite
def tables_of_events(draw, n_volumes):
    """Events of a run of 2 s volumes: at any time, in any order, some of them of no name."""
    n = draw(st.integers(1, 7))
    # Nothing begins or ends in the middle or at the edge of a volume, where rounding decides.
    tenths = st.integers(-30, 20 * n_volumes + (30 if draw(st.integers(0, 3)) == 0 else -5))
    onsets = np.array(draw(st.lists(tenths, min_size=n, max_size=n))) / 10 + 0.03
    lasts = st.sampled_from([0, 0.1, 0.5, 1.0, 2.0, 4.1, 7.7])
    names = st.sampled_from(["a", "b", "1", "a", "b", "1", np.nan])
    events = {
        "onset": onsets.round(2),
        "duration": draw(st.lists(lasts, min_size=n, max_size=n)),
        "trial_type": pd.Series(draw(st.lists(names, min_size=n, max_size=n)), dtype=object),
    }
    if draw(st.booleans()):
        events["modulation"] = draw(st.lists(st.sampled_from([1, 0.5, -2]), min_size=n, max_size=n))
    return pd.DataFrame(events)


def in_volumes(case, table, n_volumes):
    """What happens in each volume, by adding up; None where the events do not fit the run."""
    named = table[table["trial_type"].notna()]
    named = named.sort_values("onset", kind="stable")
    known = case.looked_up
    one = next(iter(known.values()))
    shown, blocks, seen = np.zeros((n_volumes, np.size(one))), [], []
    starts = named["onset"].to_numpy() / 2 - case.slice_time_ref + 0.5
    ends = starts + named["duration"].to_numpy() / 2
    if np.ndim(one) == 2:
        before = np.maximum.accumulate(ends)[:-1]
        if ((starts[1:] < before - 0.05) | (starts[1:] == starts[:-1])).any():
            return None
    moment = named["duration"].to_numpy() == 0
    starts, ends = (
        np.where(moment, np.floor(starts), starts),
        np.where(moment, np.floor(starts) + 1, ends),
    )
    outside = (ends <= 0) | (starts >= n_volumes)
    if 2 * outside.sum() >= len(named) or (ends > 2 * n_volumes).any():
        return None
    for start, end, name, times in zip(
        starts, ends, named["trial_type"], named.get("modulation", np.ones(len(named))), strict=True
    ):
        share = np.array(
            [max(0.0, min(end, v + 1) - max(start, v)) for v in range(n_volumes)]
        )  # of each volume
        shown += times * share[:, np.newaxis] * np.ravel(known[name])
        if share.any():
            mostly = np.flatnonzero(share >= 0.5)
            blocks.append(mostly if len(mostly) else [share.argmax()])
            seen.append(np.ravel(known[name]))
    return shown, blocks, seen


@st.composite
def timed_cases(draw):
    """Recordings with events instead of tables."""
    case = draw(cases().filter(lambda case: case.wrong is None))
    case.wrong = draw(st.sampled_from([None] * 2 * len(EVENT_FAULTS) + EVENT_FAULTS))
    case.options.pop("t_r", None)
    case.options.pop("high_pass", None)
    case.options.pop("clean_args", None)
    case.t_r, case.known_t_r = (None if case.header_t_r == 2.0 else 2.0), 2.0
    case.slice_time_ref = draw(st.sampled_from([0.5, 0.5, 0, 1, 0.3]))
    lengths = [values.shape[-1] for values in case.values]
    totals = [sum(lengths)] if case.together else lengths
    case.tables = [draw(tables_of_events(n)) for n in totals]
    case.form, case.old = draw(st.sampled_from(["frame", "tsv", "csv"])), case.shown
    case.stimuli = draw(st.sampled_from([None, None, SHOWS, IMAGES, pd.DataFrame(SHOWS).T]))
    names = sorted(set(pd.concat(case.tables)["trial_type"].dropna()))
    case.looked_up = dict(zip(names, np.eye(len(names)), strict=True))
    if isinstance(case.stimuli, pd.DataFrame):
        case.looked_up = SHOWS
    elif case.stimuli is not None:
        case.looked_up = case.stimuli
    nameless = any(table["trial_type"].isna().all() for table in case.tables)
    found = (
        [None]
        if nameless
        else [in_volumes(case, table, n) for table, n in zip(case.tables, totals, strict=True)]
    )
    case.fits = all(part is not None for part in found)
    if not case.fits:
        return case
    if case.together:
        shown, blocks, seen = found[0]
        edges = np.cumsum([0, *lengths])
        found = []
        for first, end in pairwise(edges):
            here = [i for i, block in enumerate(blocks) if first <= block[0] < end]
            inside = [[v - first for v in blocks[i] if v < end] for i in here]
            found.append((shown[first:end], inside, [seen[i] for i in here]))
    case.shown = [part[0] for part in found]
    case.on = [np.isin(np.arange(len(part[0])), np.hstack([[-1], *part[1]])) for part in found]
    case.blocks, case.seen = [part[1] for part in found], [part[2] for part in found]
    return case


def write_events(table, form, folder, number):
    """Events in one of the forms that are read."""
    if form == "frame":
        return table
    path = folder / f"events {number}.{form}"
    table.to_csv(path, sep="," if form == "csv" else "\t", index=False, na_rep="n/a")
    return path


def spoiled_events(case):
    """The table of a run with something wrong in it."""
    table = case.tables[0].copy()
    last = table.index[-1]
    if case.wrong == "negative duration":
        table["duration"] = [-0.5, *table["duration"][1:]]
    elif case.wrong == "no onset":
        table["onset"] = [*table["onset"][:-1], np.nan]
    elif case.wrong == "text":
        table["duration"] = table["duration"].astype(object)
        table.loc[last, "duration"] = "1,5"
    elif case.wrong == "columns":
        table = table.drop(columns=["onset", "duration", "trial_type"][case.which % 3])
    elif case.wrong == "empty":
        table = table.iloc[:0]
    elif case.wrong == "unknown name":
        table.loc[last, "trial_type"] = "zz"
    elif case.wrong == "twice":
        table = pd.concat([table, table[["onset"]]], axis=1)
    return table


def with_events(case, folder):
    """The arguments of a recording with events; False where nothing can be wrong with them."""
    given, options = arguments(case_without_label(case), folder)
    del given["label"]
    tables = list(case.tables)
    wrong = case.wrong is not None
    if wrong:
        tables[0] = spoiled_events(case)
        if case.wrong == "unknown name" and case.stimuli is None:
            wrong = False
            tables[0] = case.tables[0]
        if case.wrong == "twice":
            case.form = "frame"
    given["events"] = [write_events(table, case.form, folder, i) for i, table in enumerate(tables)]
    given |= {"stimuli": case.stimuli, "slice_time_ref": case.slice_time_ref, "shape": None}
    if case.wrong == "type":
        odd = [None, 5, [], {}, np.zeros((3, 3)), "none.tsv", folder, b"x", "", [["a"]]]
        given["events"][0] = odd[case.which]
    elif case.wrong == "count":
        given["events"] = [*given["events"], given["events"][0]]
    elif case.wrong == "t_r":
        given["slice_time_ref"] = [-1, 2, np.nan, "0", None, [0.5], 1j, np.inf, b"", {}][case.which]
    if case.together and case.wrong not in ("count",):
        given["events"] = given["events"][0] if case.wrong != "type" else given["events"]
    return given, options, wrong


def case_without_label(case):
    """The same case with a table that `arguments` can write."""
    return SimpleNamespace(**vars(case) | {"form": "array", "pixels": None, "shown": case.old})


def same_trials(case, got):
    """Assert that each event has its rows and what it showed."""
    expected, pixels = [], []
    for run, (blocks, seen) in enumerate(zip(case.blocks, case.seen, strict=True)):
        for block, values in zip(blocks, seen, strict=True):
            rows = np.flatnonzero((got.runs == run) & np.isin(got.volumes - case.lag, block))
            if len(rows):
                expected.append((rows[0], rows[-1] + 1))
                pixels.append(values)
    np.testing.assert_array_equal(got.blocks, np.reshape(expected, (-1, 2)))
    np.testing.assert_allclose(got.images, np.reshape(pixels, got.images.shape))


def try_out(case):
    """Load a case, compare it with the rows by hand, and use it; say what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if hasattr(case, "tables"):
            given, options, wrong = with_events(case, folder)
        else:
            given, options = arguments(case, folder)
            wrong = case.wrong is not None and spoil(case, given, options, folder)
        if case.wrong is not None and not wrong:
            return "no place for what is wrong"
        got = ours(load, given, options)
        refused = wrong or not case.fits or too_short(case) or any_twice(case)
        assert (got is None) == refused, (case.wrong, LAST)
        if got is None:
            return "refused"
        assert np.isfinite(got.bold).all()
        expected = by_hand(case)
        agrees(got, expected)
        assert got.t_r == case.known_t_r
        use(got, case.shown, case.lag)
        if case.memory:  # from the cache
            agrees(ours(load, given, options), expected)
        if hasattr(case, "tables"):
            same_trials(case, got)
        return "loaded"


def test_a_recording_is_what_was_put_in():
    outcomes = []
    tries(1)(given(cases())(lambda case: outcomes.append(try_out(case))))()
    # Hypothesis draws from the constants of the modules that are loaded, so the share varies.
    assert min(outcomes.count("loaded"), outcomes.count("refused")) > len(outcomes) / 10


def test_events_are_in_the_volumes_in_which_they_happened():
    outcomes = []
    tries(0.5)(given(timed_cases())(lambda case: outcomes.append(try_out(case))))()
    assert min(outcomes.count("loaded"), outcomes.count("refused")) > len(outcomes) / 10


# ---------------------------------------------------------------------------------------------
# Arguments of any type

ODD = [
    None, 0, -1, 1, 2.5, np.nan, np.inf, True, 1j, 10**30, "", "x", "none.nii", "\0", "x" * 5000,
    b"x", [], [None], [[]], [1, 2], ["x"], [np.nan, "x"], (), {}, {"a": 1}, {1: 2}, {"left": 1},
    np.array(3), np.zeros(3), np.zeros((2, 2)), np.zeros((0, 3)), np.zeros(12, bool),
    np.full((12, 2), np.nan), np.array(["a"] * 12), np.array([None] * 12), pd.DataFrame(),
    pd.DataFrame({"a": ["x"] * 12}), pd.Series([], dtype=float), pd.Series(range(12)),
    pd.Timestamp(0), object(), object, len, Path(), Path("none"), {3}, range(12),
    nibabel.Nifti1Image(np.ones((2, 2, 2), "u1"), np.eye(4)),
    nibabel.Nifti1Image(np.ones((2, 2, 2, 12), "u1"), np.eye(4)),
]  # fmt: skip
PLACES = ["func", "label", "mask", "background", "events", "stimuli", "shape", "mask_roi",
          "confounds", "sample_mask", "t_r", "slice_time_ref", "runs", "kind", "shift", "memory",
          "detrend", "standardize", "high_pass", "low_pass", "smoothing_fwhm", "clean_args",
          "standardize_confounds", "func of a run", "label of a run", "confounds of a run",
          "sample_mask of a run", "events of a run"]  # fmt: skip
OF_RECORDING = PLACES[PLACES.index("kind") : PLACES.index("func of a run")]


@st.composite
def nonsense(draw):
    """A good recording of two runs, of which one to three arguments may be anything."""
    places = draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3, unique=True))
    odd = st.sampled_from(range(len(ODD)))
    return SimpleNamespace(
        changes=[(place, draw(odd)) for place in places], events=draw(st.booleans())
    )


def try_nonsense(case):
    """Load a recording with odd arguments; without NaN, or refused in a sentence."""
    rng = np.random.default_rng(3)
    affine = np.eye(4)
    images = [nibabel.Nifti1Image(100 + rng.standard_normal((2, 2, 2, 12)), affine) for _ in "ab"]
    events = pd.DataFrame({"onset": [2.0, 9.0], "duration": [3.0, 4.0], "trial_type": ["a", "b"]})
    given = {"func": images, "mask": nibabel.Nifti1Image(np.ones((2, 2, 2), "u1"), affine)}
    given |= {"t_r": 2.0} | ({"events": [events] * 2} if case.events else {})
    given |= {} if case.events else {"label": list(rng.standard_normal((2, 12, 3)))}
    options = {"memory": None}
    for place, number in case.changes:
        odd = ODD[number]
        if place in OF_RECORDING:
            options[place] = odd
        elif place.endswith(" of a run"):
            name = place.removesuffix(" of a run")
            first = given[name][0] if isinstance(given.get(name), list) and given[name] else None
            given[name] = [first, odd]
        else:
            given[place] = odd
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("BOOK_DATA_DIR", folder)
        got = ours(load, given, options)
        if got is None:
            return "refused"
        assert np.isfinite(got.bold).all()
        assert np.isfinite(got.stimuli).all()
        use(got, got.features, got.shift)
    return "loaded"


def test_arguments_of_any_type():
    outcomes = []
    tries(1)(given(nonsense())(lambda case: outcomes.append(try_nonsense(case))))()
    assert min(outcomes.count("loaded"), outcomes.count("refused")) > len(outcomes) / 20


# ---------------------------------------------------------------------------------------------
# What the fuzzing found, each by itself


@pytest.fixture
def small():
    """A recording of two runs of 12 volumes, 8 voxels and 3 features."""
    rng = np.random.default_rng(3)
    images = [as_image(100 + rng.standard_normal((2, 2, 2, 12)), "f8", np.eye(4), 2) for _ in "ab"]
    mask = nibabel.Nifti1Image(np.ones((2, 2, 2), "u1"), np.eye(4))
    dataset = data.from_files(images, list(rng.standard_normal((2, 12, 3))), mask)
    return data.recording(dataset, shift=0, memory=None)


@pytest.mark.parametrize("scale", [1, 1e-200, 1e300])
def test_a_report_names_the_two_features_that_are_most_alike(small, capsys, scale):
    rng = np.random.default_rng(4)
    stimuli = rng.standard_normal((24, 1200))
    stimuli[:, 7] = 3  # never changes
    stimuli[:, 1100] = 0.3 * rng.standard_normal(24) - 2 * stimuli[:, 1150]
    expected = np.corrcoef(stimuli[:, 1100], stimuli[:, 1150])[0, 1]
    data.check(replace(small, stimuli=stimuli * scale))
    told = capsys.readouterr().out
    assert f"features 1100 and 1150 are most alike, r = {expected:.2f}" in told
    assert "1200; 1 never change" in told
    stimuli[:, [1001, 40, 1003, 41]] = stimuli[:, [0]]  # equally alike: the first
    data.check(replace(small, stimuli=stimuli * scale))
    assert "features 0 and 40 are most alike, r = 1.00" in capsys.readouterr().out


@pytest.mark.parametrize("shift", [np.nan, 1.5, "1", None, [1]])
def test_blocks_are_averaged_some_whole_volumes_later(small, shift):
    with pytest.raises(ValueError, match="a whole number of volumes from 0 up"):
        data.block_means(small.bold, small, shift=shift)


def test_what_a_recording_lacks_is_named(small):
    bare = data.Recording(small.bold, small.stimuli, small.runs, small.is_on, small.masker)
    with pytest.raises(ValueError, match="does not say what each volume showed"):
        bare.delayed((1, 2))
    with pytest.raises(ValueError, match=r"shape \(\), the recording 24 rows"):
        data.block_means(5, small)
    with pytest.raises(ValueError, match=r"a RidgeCV without \w+; .*fit it first"):
        data.check(small, RidgeCV([1.0, 10.0]))


def test_confounds_of_a_whole_image_have_a_row_for_each_volume():
    rng = np.random.default_rng(5)
    image = as_image(100 + rng.standard_normal((2, 2, 2, 24)), "f8", np.eye(4), 2)
    mask = nibabel.Nifti1Image(np.ones((2, 2, 2), "u1"), np.eye(4))
    for n in (23, 25):
        given = {"runs": np.repeat([0, 1], 12), "confounds": rng.standard_normal((n, 1))}
        dataset = data.from_files(image, rng.standard_normal((24, 2)), mask, **given)
        with pytest.raises(ValueError, match=f"have {n} rows, and there are 24 volumes"):
            data.recording(dataset, memory=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"high_pass": 0.3}, "high_pass is 0.3 Hz.*less than 0.25 Hz"),
        ({"clean_args": {"fliter": "cosine"}}, "clean_args is {'fliter'.*filter"),
        ({"clean_args": {"sample_mask": [1, 2, 3]}}, "sample_mask belong to from_files"),
        ({"smoothing_fwhm": -1}, "smoothing_fwhm is -1"),
        ({"high_pas": 0.01}, "does not take these options.*high_pas"),
        ({"standardize": "psx"}, "does not take these options.*zscore_sample"),
        ({"memory": ""}, "memory is ''; expected a folder"),
    ],
)
def test_options_that_would_do_nothing_or_harm_are_refused(small, options, message):
    image = as_image(small.bold.T.reshape(2, 2, 2, 24), "f8", np.eye(4), 2)
    mask = nibabel.Nifti1Image(np.ones((2, 2, 2), "u1"), np.eye(4))
    dataset = data.from_files([image], [small.stimuli], mask)
    with pytest.raises(ValueError, match=message):
        data.recording(dataset, **({"memory": None} | options))


def test_filters_know_the_seconds_between_volumes(small):
    image = as_image(small.bold.T.reshape(2, 2, 2, 24), "f8", np.eye(4), 2)
    mask = nibabel.Nifti1Image(np.ones((2, 2, 2), "u1"), np.eye(4))
    dataset = data.from_files([image], [small.stimuli], mask)
    got = data.recording(dataset, shift=0, memory=None, high_pass=0.02)
    said = data.recording(dataset, shift=0, memory=None, high_pass=0.02, t_r=2.0)
    np.testing.assert_array_equal(got.bold, said.bold)
    assert got.masker.t_r == 2
