"""nilearn's example on the twin, step by step, against the chapters and the helpers.

The steps are those of "Encoding models for visual stimuli from Miyawaki et al. 2008", with the
module names of today's libraries; the example is where this book starts from.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from nilearn.datasets import fetch_miyawaki2008
from nilearn.image import coord_transform, get_data, threshold_img
from nilearn.maskers import MultiNiftiMasker
from nilearn.plotting import plot_stat_map
from sklearn.linear_model import LassoLarsCV, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, KFold

from helpers import data, receptive_fields, ridge

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
COLUMNS = [1780, 1951, 2131, 1935]


@pytest.fixture(scope="module")
def example():
    """Run the example's steps in the example's order, with NILEARN_DATA naming the twin."""
    data.load("twin")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NILEARN_DATA", str(data.data_folder() / "twin"))
        dataset = fetch_miyawaki2008(verbose=0)
    masker = MultiNiftiMasker(mask_img=dataset.mask, detrend=True, standardize="zscore_sample")
    masker.fit()
    fmri_data = masker.transform(dataset.func[12:])
    stimulus_shape = (10, 10)
    stimuli = []
    for stimulus_run in dataset.label[12:]:
        stimuli.append(
            np.reshape(
                np.loadtxt(stimulus_run, dtype=int, delimiter=","),
                (-1, *stimulus_shape),
                order="F",
            )
        )
    fmri_data = np.vstack([fmri_run[2:] for fmri_run in fmri_data])
    stimuli = np.vstack([stimuli_run[:-2] for stimuli_run in stimuli]).astype(float)
    stimuli = np.reshape(stimuli, (-1, stimulus_shape[0] * stimulus_shape[1]))
    scores = []
    for train, test in KFold(n_splits=10).split(stimuli):
        predictions = (
            Ridge(alpha=100.0).fit(stimuli[train], fmri_data[train]).predict(stimuli[test])
        )
        scores.append(r2_score(fmri_data[test], predictions, multioutput="raw_values"))
    cut_score = np.mean(scores, axis=0)
    cut_score[cut_score < 0] = 0
    score_map = threshold_img(masker.inverse_transform(cut_score), threshold=1e-6)
    lasso = LassoLarsCV(max_iter=10)
    fields = [lasso.fit(stimuli, fmri_data[:, column]).coef_ for column in COLUMNS]
    return {
        "dataset": dataset, "masker": masker, "fmri_data": fmri_data, "stimuli": stimuli,
        "scores": np.array(scores), "score_map": score_map, "fields": np.array(fields),
    }  # fmt: skip


@pytest.fixture(scope="module")
def recording():
    return data.recording(data.load("twin"))


def run_chapter(name, *wanted):
    """Run a chapter's code cells until they have made the wanted variables; return those."""
    cells = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]
    namespace = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(NOTEBOOKS)
        patch.setattr(plt, "show", lambda: None)
        for cell in cells:
            if cell["cell_type"] == "code":
                exec("".join(cell["source"]), namespace)
                plt.close("all")
                if namespace.keys() >= set(wanted):
                    return [namespace[variable] for variable in wanted]
    raise AssertionError(f"no cell of {name} makes {wanted}")


def test_shapes_of_the_example(example):
    assert example["fmri_data"].shape == (2860, 5438)
    assert example["stimuli"].shape == (2860, 100)


def test_the_recording_equals_the_examples_arrays(example, recording):
    np.testing.assert_array_equal(recording.bold, example["fmri_data"])
    np.testing.assert_array_equal(recording.stimuli, example["stimuli"])


def test_chapter_1_stacks_the_examples_arrays(example):
    bold, stimuli = run_chapter("01_loading.ipynb", "bold_by_hand", "stimuli_by_hand")
    np.testing.assert_array_equal(bold, example["fmri_data"])
    np.testing.assert_array_equal(stimuli, example["stimuli"])


def test_helpers_scores_equal_the_examples(example, recording):
    model = ridge.RidgeCV([100.0], cv=10)
    model.fit(recording.stimuli, recording.bold, groups=recording.runs)
    scores = model.cv_scores_
    np.testing.assert_allclose(scores[0], example["scores"], rtol=0, atol=1e-10)


def test_chapter_2_scores_equal_the_examples(example):
    """The chapter holds out other pairs of whole runs than the example's KFold does."""
    (scores,) = run_chapter("02_ridge_encoding.ipynb", "scores")
    X, Y = example["stimuli"], example["fmri_data"]
    runs = np.repeat(np.arange(20), len(X) // 20)
    expected = []
    for train, test in GroupKFold(10).split(X, Y, groups=runs):
        predictions = Ridge(alpha=100.0).fit(X[train], Y[train]).predict(X[test])
        expected.append(r2_score(Y[test], predictions, multioutput="raw_values"))
    np.testing.assert_allclose(scores, np.mean(expected, axis=0), rtol=0, atol=1e-10)


def test_another_penalty_is_noticed(example, recording):
    other = ridge.RidgeCV([101.0], cv=10)
    other.fit(recording.stimuli, recording.bold, groups=recording.runs)
    assert np.abs(other.cv_scores_[0] - example["scores"]).max() > 1e-6


def test_chapter_3_draws_the_examples_map(example):
    (drawn,) = run_chapter("03_brain_mapping.ipynb", "thresholded_map")
    wanted = get_data(example["score_map"])
    # The chapter holds out other pairs of runs in a fold; voxels in another order would be far off.
    np.testing.assert_allclose(get_data(drawn), wanted, atol=0.03)
    assert abs((get_data(drawn) > 0).sum() - (wanted > 0).sum()) < 20
    assert np.abs(get_data(drawn)[::-1] - wanted).max() > 0.3


def test_the_examples_figure_can_be_drawn(example):
    """Markers and map as in the example, on the twin's background."""
    affine = example["score_map"].affine
    display = plot_stat_map(
        example["score_map"], bg_img=example["dataset"].background, cut_coords=[-8],
        display_mode="z", aspect=1.25, title="Explained variance per voxel",
    )  # fmt: skip
    for x, y in [(30, 10), (32, 10), (31, 9), (31, 10)]:
        place = np.array(coord_transform(x, y, 10, affine=affine))[np.newaxis] + [0, 1, 0]
        display.add_markers(place, marker_color="none", marker_size=140, marker="s", lw=4.5)
    plt.close("all")


def test_helpers_fields_equal_the_examples(example, recording):
    columns = [
        recording.column(*voxel)
        for voxel in [(30, 10, 10), (31, 10, 10), (32, 10, 10), (31, 9, 10)]
    ]
    assert columns == COLUMNS
    model = receptive_fields.LassoLarsCV(max_iter=10)
    model.fit(recording.stimuli, recording.bold[:, columns], groups=recording.runs)
    fields = model.coef_
    np.testing.assert_array_equal(np.array(fields) != 0, example["fields"] != 0)
    np.testing.assert_allclose(fields, example["fields"], rtol=0, atol=1e-8)


def test_the_pages_lasso_fields_equal_the_examples(example):
    (fields,) = run_chapter("further_lasso.ipynb", "marked_fields")
    np.testing.assert_array_equal(np.array(fields) != 0, example["fields"] != 0)
    np.testing.assert_allclose(fields, example["fields"], rtol=0, atol=1e-8)
