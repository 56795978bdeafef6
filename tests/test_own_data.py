"""Recordings as people have them: events, confounds, dropped volumes, several runs in one file."""

import nibabel
import numpy as np
import pandas as pd
import pytest
from nilearn.maskers import NiftiMasker

import helpers
from helpers import data
from helpers._engine.haemodynamics import convolve, haemodynamic_response
from helpers._files import DataError
from helpers.features import Delayer
from helpers.ridge import RidgeCV

GRID, T_R, N_VOLUMES, N_FEATURES = (5, 4, 3), 2.0, 80, 6
AFFINE = np.diag([2.0, 2.0, 2.5, 1.0])


def as_image(series):
    """Volumes x voxels as an image in memory."""
    values = series.T.reshape(*GRID, len(series)).astype(np.float32)
    image = nibabel.Nifti1Image(values, AFFINE)
    image.header.set_zooms((2, 2, 2.5, T_R))
    return image


@pytest.fixture(scope="module")
def parts():
    """Three runs in which every voxel answers to features drawn anew each volume, in memory."""
    rng = np.random.default_rng(11)
    weights = rng.normal(size=(N_FEATURES, np.prod(GRID)))
    tables = [rng.normal(size=(N_VOLUMES, N_FEATURES)) for _ in range(3)]
    drive = [convolve(table, haemodynamic_response(5.0, T_R)) @ weights for table in tables]
    noise = rng.normal(size=(3, N_VOLUMES, np.prod(GRID)))
    return {
        "tables": tables,
        "series": [100 + signal + more for signal, more in zip(drive, noise, strict=True)],
        "mask": nibabel.Nifti1Image(np.ones(GRID, dtype=np.uint8), AFFINE),
    }


def load(parts, **changes):
    """A recording of the three runs, with other arguments for from_files."""
    given = {
        "func": [as_image(series) for series in parts["series"]],
        "label": parts["tables"],
        "mask": parts["mask"],
    } | changes
    return data.recording(data.from_files(**given), shift=0, memory=None)


def score(recording):
    """Mean R2 over voxels on held-out runs, with delays of 1 to 4 volumes."""
    X = recording.delayed((1, 2, 3, 4))
    model = RidgeCV(np.logspace(0, 4, 5), cv=3)
    return model.fit(X, recording.bold, groups=recording.runs).best_score_.mean()


def test_arrays_and_images_in_memory_are_a_recording(parts):
    got = load(parts)
    assert got.t_r == T_R
    assert got.bold.shape == (240, 60)
    np.testing.assert_array_equal(got.stimuli, np.vstack(parts["tables"]))
    assert score(got) > 0.4


def test_one_file_with_a_run_column_is_the_same_recording(parts):
    runs = np.repeat(["a", "b", "c"], N_VOLUMES)
    whole = load(
        parts,
        func=as_image(np.vstack(parts["series"])),
        label=np.vstack(parts["tables"]),
        runs=pd.Series(runs),
        confounds=pd.DataFrame({"motion": np.arange(240.0) % 7}),
        sample_mask=np.setdiff1d(np.arange(240), [80, 81]),
    )
    apart = load(
        parts,
        confounds=[pd.DataFrame({"motion": np.arange(i, i + 80.0) % 7}) for i in (0, 80, 160)],
        sample_mask=[None, np.arange(2, 80), None],
    )
    np.testing.assert_allclose(whole.bold, apart.bold, atol=1e-6)
    for name in ("stimuli", "runs", "volumes", "is_on"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(apart, name))
    with pytest.raises(ValueError, match="Run a starts again at row 160"):
        load(
            parts,
            func=as_image(np.vstack(parts["series"])),
            label=np.vstack(parts["tables"]),
            runs=np.repeat(["a", "b", "a"], N_VOLUMES),
        )
    with pytest.raises(ValueError, match="runs has 80 labels, and there are 240 volumes"):
        load(
            parts,
            func=[as_image(np.vstack(parts["series"]))],
            label=[np.vstack(parts["tables"])],
            runs=np.zeros(80),
        )


def test_confounds_of_a_run_are_taken_out_of_that_run_alone(parts):
    """Each run as nilearn's masker cleans it with its own table."""
    rng = np.random.default_rng(3)
    confounds = [pd.DataFrame(rng.normal(size=(N_VOLUMES, n))) for n in (2, 3)] + [None]
    got = load(parts, confounds=confounds)
    for run, own in enumerate(confounds):
        masker = NiftiMasker(parts["mask"], detrend=True, standardize="zscore_sample")
        expected = masker.fit_transform(as_image(parts["series"][run]), confounds=own)
        np.testing.assert_allclose(got.bold[got.runs == run], expected, atol=1e-5)
    with pytest.raises(ValueError, match="confounds was given as 2 items, and there are 3 runs"):
        load(parts, confounds=confounds[:2])


def test_dropped_volumes_leave_rows_that_belong_together(parts):
    whole = load(parts)
    dropped = [np.array([0, 1, 30, 31, 32]), np.array([], dtype=int), np.array([79])]
    kept = [np.setdiff1d(np.arange(N_VOLUMES), some) for some in dropped]
    with pytest.warns(data.RecordingWarning, match=r"missing in the middle.*recording\.delayed"):
        got = load(parts, sample_mask=kept)
    rows = np.concatenate([80 * run + volumes for run, volumes in enumerate(kept)])
    np.testing.assert_array_equal(got.stimuli, whole.stimuli[rows])
    np.testing.assert_array_equal(got.volumes, whole.volumes[rows])
    np.testing.assert_array_equal(got.delayed((0, 3)), whole.delayed((0, 3))[rows])
    # Delays that go by rows fetch the features of another volume, and score less.
    late = Delayer((1, 2, 3, 4)).fit_transform(got.stimuli, groups=got.runs)
    assert np.abs(late - got.delayed((1, 2, 3, 4))).max() > 1
    assert score(got) > 0.4
    with pytest.raises(ValueError, match="Volumes are missing in the middle of runs"):
        data.clean_like(got.bold, got)


def test_a_zero_volume_stands_out(parts):
    series = [run.copy() for run in parts["series"]]
    series[1][40] = 0
    func = [as_image(run) for run in series]
    with pytest.warns(
        data.RecordingWarning, match="In run 2 these volumes stand out, counted from 0: .*40"
    ):
        bad = load(parts, func=func)
    kept = [None, np.setdiff1d(np.arange(N_VOLUMES), [40]), None]
    with pytest.warns(data.RecordingWarning, match="in the middle"):
        mended = load(parts, func=func, sample_mask=kept)
    whole = score(load(parts))
    assert score(mended) == pytest.approx(whole, abs=0.02)
    assert score(bad) < whole - 0.05


@pytest.mark.parametrize("t_r", [20.0, 2000, 0.002])
def test_a_tr_that_the_header_denies(parts, t_r):
    with pytest.raises(ValueError, match="2"):
        load(parts, t_r=t_r)
    dataset = data.from_files(
        [as_image(parts["series"][0])] * 1, parts["tables"][:1], parts["mask"]
    )
    with pytest.raises(ValueError, match="2"):
        data.recording(dataset, memory=None, high_pass=0.01, t_r=t_r)


def test_two_values_for_the_tr(parts):
    dataset = data.from_files(
        [as_image(parts["series"][0])], parts["tables"][:1], parts["mask"], t_r=2
    )
    with pytest.raises(ValueError, match=r"dataset has t_r=2, and recording was called with t_r=1"):
        data.recording(dataset, memory=None, t_r=1.5)


@pytest.mark.parametrize(("t_r", "shift"), [(2.0, 2), (0.8, 5), (4.2, 1)])
def test_the_shift_is_four_seconds(parts, t_r, shift):
    images = [as_image(series) for series in parts["series"]]
    for image in images:
        image.header.set_zooms((2, 2, 2.5, t_r))
    dataset = data.from_files(images, parts["tables"], parts["mask"])
    assert data.recording(dataset, memory=None).shift == shift


# Events


@pytest.fixture
def shown_twice(parts):
    """Runs of 24 events of 6 s: every third image is shown again at once, and one is black."""
    rng = np.random.default_rng(5)
    pictures = {f"image {i}": rng.integers(0, 2, (2, 3)).astype(float) for i in range(5)}
    pictures["image 4"][:] = 0
    events = []
    for _ in range(3):
        names = [f"image {i}" for i in rng.integers(0, 5, 18)]
        names = [name for i, name in enumerate(names) for _ in range(2 if i % 3 == 0 else 1)]
        onsets = 4.0 + 6.0 * np.arange(len(names))
        events.append(pd.DataFrame({"onset": onsets, "duration": 6.0, "trial_type": names}))
    return pictures, events


def test_every_event_is_a_trial(parts, shown_twice):
    pictures, events = shown_twice
    got = load(parts, label=None, events=events, stimuli=pictures)
    trials = data.trials(got)
    assert len(trials.responses) == 3 * 24
    names = np.concatenate([table["trial_type"] for table in events])
    np.testing.assert_array_equal(trials.pixels, [pictures[name].ravel() for name in names])
    assert np.bincount(trials.runs).tolist() == [24] * 3
    # The first event begins at 4 s and lasts for three volumes.
    np.testing.assert_allclose(trials.responses[0], got.bold[2:5].mean(axis=0), atol=1e-6)
    assert got.is_on.sum() == 3 * 24 * 3
    assert got.shape == (2, 3)
    # From rows alone, an image shown twice in a row is one trial, and a black one is rest.
    by_rows = load(parts, label=[got.stimuli[got.runs == run] for run in range(3)], shape=(2, 3))
    assert len(data.trials(by_rows).responses) < 3 * 20


def test_conditions_without_pictures_are_features(parts, shown_twice):
    """A condition that a run lacks has a column there, too."""
    events = [
        table[table["trial_type"] != f"image {run}"] for run, table in enumerate(shown_twice[1])
    ]
    got = load(parts, label=None, events=events)
    assert got.names == [f"image {i}" for i in range(5)]
    for run in range(3):
        assert got.stimuli[got.runs == run].max(axis=0).tolist() == [
            float(i != run) for i in range(5)
        ]


def test_events_without_a_volume_are_counted(parts, shown_twice):
    pictures, events = shown_twice
    kept = [np.setdiff1d(np.arange(N_VOLUMES), [5, 6, 7]), None, None]
    with pytest.warns(data.RecordingWarning) as told:
        got = load(parts, label=None, events=events, stimuli=pictures, sample_mask=kept)
    assert any("Events without a volume: 1" in str(warning.message) for warning in told)
    assert len(data.trials(got).responses) == 3 * 24 - 1


def test_events_need_the_tr(parts, shown_twice):
    images = [as_image(series) for series in parts["series"]]
    for image in images:
        image.header.set_zooms((2, 2, 2.5, 0))
    with pytest.raises(ValueError, match=r"do not say how many seconds .* t_r=2\.0"):
        load(parts, func=images, label=None, events=shown_twice[1], stimuli=shown_twice[0])


# What is said


def test_label_or_events(parts):
    for given in ({"label": None}, {"events": [pd.DataFrame()] * 3}):
        with pytest.raises(ValueError, match="of label and events; expected one of the two"):
            load(parts, **given)


def test_tables_of_different_features(parts):
    with pytest.raises(ValueError, match="Run 1 has 6 features, run 2 has 5"):
        load(parts, label=[parts["tables"][0], parts["tables"][1][:, :5], parts["tables"][2]])


def test_a_series_of_paths_is_a_list_and_a_broken_link_is_called_one(tmp_path, parts):
    paths = []
    for run, series in enumerate(parts["series"]):
        folder = tmp_path / f"sub [{run}] *"
        folder.mkdir()
        nibabel.save(as_image(series), folder / "bold.nii")
        paths.append(str(folder / "bold.nii"))
    got = load(parts, func=pd.Series(paths))
    np.testing.assert_allclose(got.bold, load(parts).bold, atol=1e-6)
    link = tmp_path / "link.nii"
    link.symlink_to(tmp_path / "gone.nii")
    with pytest.raises(DataError, match=r"link\.nii \(a link to .*gone\.nii, which is not there\)"):
        load(parts, func=[*paths[:2], link])


def test_own_regions_have_their_whole_names(parts, tmp_path):
    values = np.zeros(GRID, dtype=np.uint8)
    values[2] = 1
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), tmp_path / "region.nii")
    dataset = data.from_files(
        [as_image(series) for series in parts["series"]],
        parts["tables"],
        parts["mask"],
        mask_roi={"fusiform gyrus": tmp_path / "region.nii"},
    )
    got = data.recording(dataset, memory=None)
    area, _, _ = data.region_labels(dataset, got.masker)
    np.testing.assert_array_equal(area == "fusiform gyrus", got.voxels[:, 0] == 2)
    assert set(area) == {"", "fusiform gyrus"}


def test_the_report_says_what_stands_out(parts, capsys):
    series = [run.copy() for run in parts["series"]]
    series[1][40] = 0
    series[2][:, 7] = 0.1
    with pytest.warns(data.RecordingWarning):
        got = load(parts, func=[as_image(run) for run in series])
    with pytest.warns(UserWarning):
        model = RidgeCV([1.0, 10.0], cv=3).fit(got.delayed((2,)), got.bold, groups=got.runs)
    helpers.check(got, model)
    said = capsys.readouterr().out
    for line in (
        "runs: 3, with 80 samples each",
        "TR: 2 s between volumes",
        "samples x voxels: 240 x 60",
        "features: 6; 0 never change",
        "constant voxels: 1 of 60",
        "volumes dropped: 0",
        "voxels without score: 1",
    ):
        name, value = line.split(": ")
        assert any(
            row.startswith(f"{name}:") and row.endswith(value) for row in said.splitlines()
        ), line
    assert "in run 2" in said
    assert "- 1 of 60 voxels are constant in at least one run (run 3)." in said


def test_what_reading_events_warns_of_is_kept(parts, shown_twice, capsys):
    pictures, events = shown_twice
    late = pd.DataFrame({"onset": [200.0], "duration": [6.0], "trial_type": ["image 1"]})
    events = [pd.concat([events[0], late]), *events[1:]]
    with pytest.warns(UserWarning, match="1 of 25 events .* outside the run") as told:
        got = load(parts, label=None, events=events, stimuli=pictures)
    assert [str(warning.message) for warning in told] == got.messages
    data.check(got)
    assert "1 of 25 events" in capsys.readouterr().out


def test_tables_with_names_in_one_run_and_without_in_another(parts):
    named = pd.DataFrame(parts["tables"][1], columns=list("abcdef"))
    message = r"Run 1 has none as names of features, run 2 has \['a', .*the same in all runs"
    with pytest.raises(ValueError, match=message):
        load(parts, label=[parts["tables"][0], named, parts["tables"][2]])


def test_an_event_across_a_cut_lasts_in_both_parts(parts):
    onsets = [20.0, 154.0, 440.0]
    events = pd.DataFrame({"onset": onsets, "duration": 12.0, "trial_type": "image"})
    got = load(
        parts,
        func=as_image(np.vstack(parts["series"])),
        label=None,
        events=events,
        runs=np.repeat(range(3), N_VOLUMES),
    )
    np.testing.assert_array_equal(got.is_on, got.stimuli[:, 0] > 0)
    assert got.blocks.tolist() == [[10, 16], [77, 80], [80, 83], [220, 226]]
    assert data.trials(got).runs.tolist() == [0, 0, 1, 2]
