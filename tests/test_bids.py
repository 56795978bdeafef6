"""Whole datasets in the layout of BIDS: a small made one, and finding each run's files in any."""

import json
import sys
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.datasets import load_fsaverage
from nilearn.glm.first_level import spm_hrf
from nilearn.interfaces.fmriprep import load_confounds
from nilearn.signal import clean
from nilearn.surface import SurfaceImage
from PIL import Image
from scipy.stats import gamma
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from helpers._files import DataError
from helpers._files.bids import bids_files
from helpers._twin import bids as made_bids
from helpers.twin import make_bids

MNI = "MNI152NLin2009cAsym"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return make_bids(tmp_path_factory.mktemp("made") / "images")


@pytest.fixture(scope="module")
def surface(tmp_path_factory):
    return make_bids(tmp_path_factory.mktemp("made") / "surface", space="surface")


def truth_of(folder):
    with np.load(folder / "derivatives" / "truth" / "truth.npz") as stored:
        return dict(stored)


def preprocessed(folder):
    return folder / "derivatives" / "fmriprep" / "sub-01" / "func"


def run_files(folder, ending):
    return sorted(preprocessed(folder).glob(f"*{ending}"))


def events_of(folder):
    paths = sorted((folder / "sub-01" / "func").glob("*_events.tsv"))
    return [pd.read_csv(path, sep="\t") for path in paths]


def picture(folder, name):
    return np.asarray(Image.open(folder / "stimuli" / name)) / 255


# ---- The made dataset


def test_pybids_accepts_every_file_without_a_word(images):
    from bids import BIDSLayout

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layout = BIDSLayout(images, derivatives=True)
    assert len(layout.derivatives) == 2
    assert len(layout.get(suffix="events", extension=".tsv", scope="raw")) == 4
    bold = layout.get(suffix="bold", extension=".nii.gz", scope="derivatives")
    assert [file.get_metadata()["RepetitionTime"] for file in bold] == [2.0] * 4
    raw = [path for path in (images / "sub-01").rglob("*") if path.is_file()]
    assert len(layout.get(subject="01", scope="raw")) == len(raw)


def test_the_seed_says_all_that_is_in_it(tmp_path, images):
    def content(folder):
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths}

    again, other = (make_bids(tmp_path / f"{seed}", random_state=seed) for seed in (0, 1))
    first, other = content(images), content(other)
    assert content(again) == first
    assert other.keys() == first.keys()
    same = {name for name in first if first[name] == other[name]}
    drawn = ("events.tsv", "bold.nii.gz", "timeseries.tsv", "truth.npz")
    assert not [name for name in same if name.endswith(drawn)]
    assert sum(name.endswith(drawn) for name in first) == 13


def test_a_dataset_that_is_there_is_left_alone(images):
    before = {path: path.stat().st_mtime_ns for path in images.rglob("*")}
    assert make_bids(images) == images
    assert {path: path.stat().st_mtime_ns for path in images.rglob("*")} == before
    with pytest.raises(ValueError, match=r"holds something other than the made dataset with space"):
        make_bids(images, random_state=1)


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="name a new or empty folder"):
        make_bids(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_nothing_half_made_is_left(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(made_bids.Slab, "write", stop)
    with pytest.raises(KeyboardInterrupt):
        make_bids(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"space": "flat"}, r"space is 'flat'; expected one of \['volume', 'surface'\]"),
        ({"task": "rest"}, r"task is 'rest'; expected one of \['images', 'bars', 'words'\]"),
        ({"random_state": -1}, "random_state is -1; expected a whole number from 0 up"),
        ({"random_state": True}, "random_state is True; expected a whole number"),
    ],
)
def test_unknown_arguments_are_named(tmp_path, arguments, says):
    with pytest.raises(ValueError, match=says):
        make_bids(tmp_path / "new", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_images_have_left_at_the_left_and_the_tr_in_header_and_sidecar(images):
    for path in run_files(images, "preproc_bold.nii.gz"):
        image = nib.load(path)
        assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
        assert image.header.get_zooms() == (4, 4, 4, 2)
        sidecar = json.loads(Path(str(path).replace(".nii.gz", ".json")).read_text())
        assert sidecar["RepetitionTime"] == 2
        assert sidecar["StartTime"] == 0.95
    slices = json.loads((images / "task-images_bold.json").read_text())["SliceTiming"]
    assert np.mean(slices) == pytest.approx(0.95)


def test_events_show_what_makes_events_hard(images):
    for run in events_of(images):
        assert run["trial_type"][0] == "rest"
        assert pd.isna(run["stim_file"][0])
        shown = run[run["trial_type"] == "image"]
        assert set(shown["duration"]) == {3}
        assert (shown["onset"] % 2 > 0.05).mean() > 0.8  # between two volumes
        pictures = [picture(images, name) for name in shown["stim_file"]]
        assert {frame.shape for frame in pictures} == {(12, 16)}
        assert sum(not frame.any() for frame in pictures) == 1
        same = shown["stim_file"].to_numpy()[1:] == shown["stim_file"].to_numpy()[:-1]
        gaps = np.diff(shown["onset"]) - 3
        assert same.sum() == 3
        assert np.allclose(gaps[same], 0)
        assert (gaps[~same] > 1.9).all()


def test_files_hold_constant_voxels_where_the_truth_says(images):
    truth = truth_of(images)
    for run, path in enumerate(run_files(images, "preproc_bold.nii.gz")):
        values = nib.load(path).get_fdata()[tuple(truth["indices"].T)]
        np.testing.assert_array_equal(np.ptp(values, axis=1) == 0, truth["constant"][run])
    assert truth["constant"].sum(axis=1).tolist() == [12, 24, 12, 12]
    assert set(truth["population"][truth["constant"].any(axis=0)]) == {"silent"}


def test_the_left_of_the_brain_looks_to_the_right_and_its_upper_bank_down(images, surface):
    for folder in (images, surface):
        truth = truth_of(folder)
        places = made_bids.GRIDS["volume" if folder is images else "surface"].make().positions
        tuned = truth["population"] == "tuned"
        assert tuned.sum() > 400
        (rows, columns), (x, _, z) = truth["centre"][tuned].T, places[tuned].T
        # Whether at the upright meridian or beside it: a field does not cross over.
        assert (columns[x < 0] >= 7.5).all()
        assert (columns[x > 0] <= 7.5).all()
        assert (rows[z > 2.5] >= 5.5).all()
        assert (rows[z < 1.5] <= 5.5).all()
        peak = np.unravel_index(truth["weights"][tuned].argmax(axis=1), (12, 16))
        assert np.abs(np.transpose(peak) - truth["centre"][tuned]).max() < 0.5 + 1e-9


def test_a_response_begins_with_its_event_wherever_the_volumes_are():
    features = pd.DataFrame({"brightness": [1.0]}, ["a.png"])
    design = made_bids.Design([], features, "stim_file")
    units = made_bids.Units(None, None, None, np.array([[2.0]]), np.array([0.5]))
    columns = ["onset", "duration", "stim_file"]
    events = pd.DataFrame(
        [(0, 7.3, np.nan), (7.3, 3.0, "a.png"), (20.0, 4.5, "a.png")], columns=columns
    )

    def response(delay):  # since the light went on, from SPM's two gamma distributions
        share = gamma.cdf(delay, 6) - gamma.cdf(delay, 16) / 6
        return 2.5 * share / (1 - 1 / 6)

    time = 0.95 + 2 * np.arange(120)
    expected = response(time - 7.3) - response(time - 10.3)
    expected += response(time - 20.0) - response(time - 24.5)
    measured = made_bids.noise_free_run(events, design, units)
    np.testing.assert_allclose(measured[:, 0], expected, atol=0.005)
    assert expected.max() > 1


@pytest.mark.parametrize("strategy", [("motion", "high_pass", "wm_csf"), ("global_signal",)])
@pytest.mark.parametrize("model", ["basic", "power2", "derivatives", "full"])
def test_nilearn_loads_the_confounds(images, strategy, model):
    files = [str(path) for path in run_files(images, "preproc_bold.nii.gz")]
    tables, _ = load_confounds(
        files, strategy=strategy, motion=model, wm_csf=model, global_signal=model
    )
    times = {"basic": 1, "power2": 2, "derivatives": 2, "full": 4}[model]
    n_columns = times * 1 if strategy == ("global_signal",) else times * 8 + 3
    for table in tables:
        assert table.shape == (120, n_columns)
        assert np.isfinite(table.to_numpy()).all()
        assert (table.std() > 0).all()


def test_scrubbing_leaves_out_the_first_volumes_of_a_run_and_the_jerk_of_another(images):
    files = [str(path) for path in run_files(images, "preproc_bold.nii.gz")]
    _, steady = load_confounds(files, strategy=("motion",))
    assert [None if kept is None else 120 - len(kept) for kept in steady] == [2, None, None, None]
    assert steady[0][0] == 2
    _, kept = load_confounds(files, strategy=("motion", "scrub"), scrub=0)
    lost = [set(range(120)) - set(range(120) if run is None else run) for run in kept]
    assert lost[0] >= {0, 1}
    assert lost[2] >= {70, 71}
    tables = [pd.read_csv(path, sep="\t") for path in run_files(images, "timeseries.tsv")]
    moved = [set(np.flatnonzero(table["framewise_displacement"] > 0.5)) for table in tables]
    assert moved == [set(), set(), {70, 71}, set()]
    assert sum(map(len, lost)) <= 10


def shown_at(events, features, key):
    """What nilearn's canonical response makes of the features, at the middle of each volume."""
    fine = np.zeros((2400, features.shape[1]))
    for event in events[events[key].isin(features.index)].itertuples():
        first, stop = round(event.onset * 10), round((event.onset + event.duration) * 10)
        fine[first:stop] += features.loc[getattr(event, key)].to_numpy()
    response = spm_hrf(0.1, oversampling=1)
    return np.stack([np.convolve(column, response)[9:2400:20] for column in fine.T], axis=1)


def responses_of(folder, found, keep):
    """What the images of each run hold in some voxels or vertices, (n_volumes, n_units)."""
    if isinstance(found["func"][0], dict):
        mesh = load_fsaverage("fsaverage5")["pial"]
        parts = [SurfaceImage(mesh, run).data.parts for run in found["func"]]
        return [np.concatenate([part["left"], part["right"]])[keep].T for part in parts]
    where = tuple(truth_of(folder)["indices"][keep].T)
    return [nib.load(path).get_fdata()[where].T for path in found["func"]]


def designs_of(folder, found):
    """What was shown in each run, from the files, and a column for anything at all."""
    events = [pd.read_csv(path, sep="\t") for path in found["events"]]
    if found["stimuli"] is None:
        features = pd.read_csv(folder / "stimuli" / "embeddings.tsv", sep="\t", index_col="word")
        key = "trial_type"
    else:
        key = "stim_file"
        names = sorted(set(pd.concat(events)[key].dropna()))
        features = pd.DataFrame([picture(folder, name).ravel() for name in names], names)
    return [shown_at(run, features.assign(anything=1.0), key) for run in events]


def fit(folder, found):
    """Fit ridge regressions with nilearn and scikit-learn alone.

    Returns the mean held-out score of each population, and how well the weights of tuned units
    correlate with the true ones.
    """
    truth = truth_of(folder)
    keep = ~truth["constant"].any(axis=0) & (np.arange(len(truth["size"])) % 3 == 0)
    tables = [found[name] or [None] * 4 for name in ("confounds", "sample_mask")]
    runs = responses_of(folder, found, keep), designs_of(folder, found), *tables
    cleaned = []
    for measured, shown, confounds, sample_mask in zip(*runs, strict=True):
        options = {"confounds": confounds, "sample_mask": sample_mask}
        X = clean(shown, standardize=None, **options)
        cleaned.append((X, clean(measured, standardize="zscore_sample", **options)))
    scores = []
    for held_out, (X, y) in enumerate(cleaned):
        rest = [run for number, run in enumerate(cleaned) if number != held_out]
        model = Ridge(30.0).fit(*map(np.concatenate, zip(*rest, strict=True)))
        scores.append(r2_score(y, model.predict(X), multioutput="raw_values"))
    population, mean = truth["population"][keep], np.mean(scores, axis=0)
    results = {name: mean[population == name].mean() for name in ("tuned", "on_off", "silent")}
    estimated = Ridge(30.0).fit(*map(np.concatenate, zip(*cleaned, strict=True))).coef_[:, :-1]
    pairs = zip(estimated, truth["weights"][keep], population == "tuned", strict=True)
    match = [np.corrcoef(found, true)[0, 1] for found, true, is_tuned in pairs if is_tuned]
    return results | {"match": np.mean(match)}


def test_a_runs_own_confounds_help_and_only_what_responds_is_predicted(images):
    strategy = {"confounds": ("motion", "high_pass", "wm_csf", "scrub"), "motion": "basic"}
    found = bids_files(images, subject="01", task="images", **strategy)
    others = [found["confounds"][run] for run in (1, 2, 3, 0)]
    own, of_others, none = (
        fit(images, found | {"confounds": confounds})
        for confounds in (found["confounds"], others, None)
    )
    assert own["tuned"] > 0.2
    assert own["tuned"] > of_others["tuned"] + 0.08
    assert own["tuned"] > none["tuned"] + 0.1
    assert own["tuned"] > own["on_off"] + 0.1
    assert own["match"] > 0.5
    assert own["silent"] < 0.02


def test_vertices_of_the_surface_respond(surface):
    for run in run_files(surface, "hemi-L_space-fsaverage5_bold.func.gii"):
        volumes = nib.load(run).darrays
        assert len(volumes) == 120
        assert {(len(volume.data), volume.data.dtype.name) for volume in volumes} == {
            (10242, "float32")
        }
    scores = fit(surface, bids_files(surface, subject="01", task="images"))
    assert scores["match"] > 0.5
    assert scores["tuned"] > 0.2
    assert scores["silent"] < 0.02
    assert sum(path.stat().st_size for path in surface.rglob("*.gii")) < 20e6


def test_bars_are_the_same_in_all_runs_and_drive_voxels(tmp_path):
    folder = make_bids(tmp_path / "bars", task="bars")
    first, *others = events_of(folder)
    assert all(first.equals(run) for run in others)
    assert first["onset"].add(first["duration"]).max() < 240
    lit = {name: picture(folder, name) for name in set(first["stim_file"])}
    assert {(frame.any(axis=1).sum(), frame.any(axis=0).sum()) for frame in lit.values()} == {
        (12, 3), (12, 2), (3, 16), (2, 16)
    }  # fmt: skip
    assert np.all(sum(lit.values()) > 0)
    scores = fit(folder, bids_files(folder, subject="01", task="bars"))
    assert scores["match"] > 0.5
    assert scores["tuned"] > 0.3
    assert scores["silent"] < 0.02


def test_words_drive_voxels_by_their_made_up_numbers(tmp_path):
    folder = make_bids(tmp_path / "words", task="words")
    table = pd.read_csv(folder / "stimuli" / "embeddings.tsv", sep="\t", index_col="word")
    assert table.shape == (60, 10)
    for run in events_of(folder):
        assert set(run["trial_type"]) <= set(table.index)
        assert set(run["duration"]) == {0.5}
        assert run["onset"].max() < 238
    assert "random" in (folder / "README").read_text()
    scores = fit(folder, bids_files(folder, subject="01", task="words"))
    assert scores["match"] > 0.5
    assert scores["tuned"] > 0.1
    assert scores["tuned"] > scores["on_off"] + 0.05
    assert scores["silent"] < 0.02


# ---- Finding the files of any dataset


def write_json(path, **entries):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries))


def add_run(root, name, space=f"_space-{MNI}", *, mask=None, t_r=2.0, start=0.9):
    """Write tiny files of one run: events, image, mask, confounds and sidecar."""
    folders = name.split("_task")[0].replace("_", "/")
    raw, func = (root / part / folders / "func" for part in ("", "derivatives/fmriprep"))
    func.mkdir(parents=True, exist_ok=True)
    raw.mkdir(parents=True, exist_ok=True)
    (raw / f"{name}_events.tsv").write_text("onset\tduration\ttrial_type\n0\t1\ta\n")
    values = np.random.default_rng(0).random((3, 3, 3, 12), dtype=np.float32)
    nib.save(nib.Nifti1Image(values, np.eye(4)), func / f"{name}{space}_desc-preproc_bold.nii.gz")
    times = {} if start is None else {"StartTime": start}
    write_json(func / f"{name}{space}_desc-preproc_bold.json", RepetitionTime=t_r, **times)
    mask = np.ones((3, 3, 3), np.uint8) if mask is None else mask.astype(np.uint8)
    image = nib.Nifti1Image(mask, np.eye(4))
    nib.save(image, func / f"{name}{space}_desc-brain_mask.nii.gz")
    names = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    table = pd.DataFrame(values.reshape(27, 12).T[:, :9], columns=[*names, "a", "csf", "cosine00"])
    table.to_csv(func / f"{name}_desc-confounds_timeseries.tsv", sep="\t", index=False)


def new_dataset(root):
    write_json(root / "dataset_description.json", Name="tiny", BIDSVersion="1.8.0")
    made = {"DatasetType": "derivative", "GeneratedBy": [{"Name": "fMRIPrep"}]}
    pipeline = root / "derivatives" / "fmriprep"
    write_json(pipeline / "dataset_description.json", Name="t", BIDSVersion="1.8.0", **made)
    return root


@pytest.fixture
def tiny(tmp_path):
    root = new_dataset(tmp_path / "tiny")
    for run in (1, 2, 10, 3):
        add_run(root, f"sub-01_task-look_run-{run}")
    add_run(root, "sub-02_task-look_run-1", t_r=1.0)
    add_run(root, "sub-01_task-rest_run-1", t_r=1.5)
    return root


BASIC = {"confounds": ("motion", "high_pass"), "motion": "basic"}


def find(root, subject="01", task="look", **arguments):
    return bids_files(root, subject=subject, task=task, **BASIC | arguments)


def names_of(paths):
    return [Path(path).name.split("_desc")[0].split("_events")[0] for path in paths]


def test_run_10_comes_after_run_3_in_every_list(tiny):
    func = tiny / "derivatives" / "fmriprep" / "sub-01" / "func"
    for run, shift in ((1, 1.0), (2, 2.0), (3, 3.0), (10, 10.0)):
        path = func / f"sub-01_task-look_run-{run}_desc-confounds_timeseries.tsv"
        pd.read_csv(path, sep="\t").assign(trans_x=shift).to_csv(path, sep="\t", index=False)
    found = find(tiny, demean=False)
    runs = [f"sub-01_task-look_run-{run}" for run in (1, 2, 3, 10)]
    assert names_of(found["events"]) == runs
    assert names_of(found["func"]) == [f"{run}_space-{MNI}" for run in runs]
    assert [table["trans_x"][0] for table in found["confounds"]] == [1, 2, 3, 10]
    assert all(Path(path).is_file() for path in [*found["func"], *found["events"]])
    assert found["sample_mask"] == [None] * 4
    assert (found["t_r"], found["slice_time_ref"], found["stimuli"]) == (2.0, 0.45, None)


def test_runs_of_sessions_follow_one_another_by_number(tmp_path):
    root = new_dataset(tmp_path)
    for session, run in ((10, 1), (9, 2), (9, 1), (10, 2)):
        add_run(root, f"sub-01_ses-{session}_task-look_run-{run}")
    found = find(root)
    pairs = [(9, 1), (9, 2), (10, 1), (10, 2)]
    assert names_of(found["events"]) == [f"sub-01_ses-{s}_task-look_run-{r}" for s, r in pairs]
    assert [name.rsplit("_space", 1)[0] for name in names_of(found["func"])] == names_of(
        found["events"]
    )
    assert len(find(root, session="9")["func"]) == 2
    assert find(root, session="ses-10", run=2)["events"] == found["events"][3:]


def test_names_may_have_their_prefix_and_runs_be_chosen(tiny):
    everything = find(tiny)
    assert find(tiny, "sub-01", "task-look")["func"] == everything["func"]
    assert find(tiny, run=[10, 1])["func"] == [everything["func"][0], everything["func"][3]]
    assert find(tiny, run=range(2, 4))["events"] == everything["events"][1:3]


def test_numbers_may_be_padded(tmp_path):
    for run in ("01", "02", "11"):
        add_run(new_dataset(tmp_path), f"sub-01_task-look_run-{run}")
    runs = [f"sub-01_task-look_run-{run}" for run in ("01", "02", "11")]
    assert names_of(find(tmp_path)["events"]) == runs
    for run in (2, "02", "2", np.array([2])):
        assert names_of(find(tmp_path, run=run)["events"]) == runs[1:2]


def test_a_mask_of_ones_own_takes_the_place_of_the_brain(tiny):
    damage(tiny, "mask")
    assert find(tiny, mask="v1.nii.gz")["mask"] == "v1.nii.gz"


def test_one_run_without_a_number_is_found(tmp_path):
    add_run(new_dataset(tmp_path), "sub-01_task-look")
    assert names_of(find(tmp_path)["events"]) == ["sub-01_task-look"]


def test_events_higher_up_hold_for_all_runs_and_a_runs_own_come_first(tiny):
    own = tiny / "sub-01" / "func"
    for run in (2, 3, 10):
        (own / f"sub-01_task-look_run-{run}_events.tsv").unlink()
    shared = tiny / "task-look_events.tsv"
    shared.write_text("onset\tduration\ttrial_type\n0\t1\tb\n")
    found = find(tiny)["events"]
    assert names_of(found) == ["sub-01_task-look_run-1", *["task-look"] * 3]


def test_the_mask_is_what_all_runs_share(tmp_path):
    root, rng = new_dataset(tmp_path), np.random.default_rng(1)
    masks = rng.random((3, 3, 3, 3)) < 0.8
    for run, mask in enumerate(masks, 1):
        add_run(root, f"sub-01_task-look_run-{run}", mask=mask)
    np.testing.assert_array_equal(find(root)["mask"].get_fdata() > 0, masks.all(axis=0))
    assert 0 < masks.all(axis=0).sum() < masks.sum(axis=(1, 2, 3)).min()
    alone = find(root, run=2)["mask"]
    np.testing.assert_array_equal(nib.load(alone).get_fdata() > 0, masks[1])


def test_masks_that_share_nothing_are_refused(tmp_path):
    half = np.arange(27).reshape(3, 3, 3) < 13
    for run, mask in ((1, half), (2, ~half)):
        add_run(new_dataset(tmp_path), f"sub-01_task-look_run-{run}", mask=mask)
    with pytest.raises(ValueError, match="share no voxel; give one with mask="):
        find(tmp_path)


def test_confounds_are_those_that_nilearn_loads(images):
    found = bids_files(images, subject="01", task="images", confounds=("motion", "scrub"), scrub=0)
    tables, kept = load_confounds(found["func"], strategy=("motion", "scrub"), scrub=0)
    for got, expected in zip(found["confounds"], tables, strict=True):
        pd.testing.assert_frame_equal(got, expected)
    for got, expected in zip(found["sample_mask"], kept, strict=True):
        np.testing.assert_array_equal(got, expected)
    nothing = bids_files(images, subject="01", task="images", confounds=None)
    assert nothing["confounds"] is nothing["sample_mask"] is None


def test_both_hemispheres_of_a_run_are_one(surface):
    found = bids_files(surface, subject="01", task="images")
    for number, run in enumerate(found["func"], 1):
        assert {side: Path(path).name for side, path in run.items()} == {
            side: f"sub-01_task-images_run-{number}_hemi-{side[0].upper()}_space-fsaverage5"
            "_bold.func.gii"
            for side in ("left", "right")
        }
    assert found["mask"] is None
    assert [len(table) for table in found["confounds"]] == [120] * 4
    assert found["slice_time_ref"] == 0.475


def test_one_of_several_spaces_is_chosen(tiny):
    for run in (1, 2, 3, 10):
        add_run(tiny, f"sub-01_task-look_run-{run}", space="_space-T1w")
        add_run(tiny, f"sub-01_task-look_run-{run}", space="")
    with pytest.raises(ValueError, match=f"several spaces, func, {MNI}, T1w: say space="):
        find(tiny)
    for space, part in ((MNI, f"_space-{MNI}"), ("T1w", "_space-T1w"), ("func", "")):
        found = find(tiny, space=space)
        expected = [f"sub-01_task-look_run-{run}{part}" for run in (1, 2, 3, 10)]
        assert names_of(found["func"]) == expected
        assert Path(found["mask"]).name == f"{expected[0]}_desc-brain_mask.nii.gz"
    with pytest.raises(ValueError, match=f"space fsLR .*expected one of func, {MNI}, T1w"):
        find(tiny, space="fsLR")


def test_fmriprep_may_have_written_elsewhere(tiny, tmp_path):
    (tiny / "derivatives" / "fmriprep").rename(tmp_path / "output")
    with pytest.raises(DataError, match=r'no derivatives "fmriprep".*run fMRIPrep first'):
        find(tiny)
    found = find(tiny, derivatives=tmp_path / "output")
    assert len(found["func"]) == 4
    assert Path(found["func"][0]).is_relative_to(tmp_path / "output")


def test_slices_that_were_not_moved_leave_the_middle_of_a_volume(tmp_path):
    add_run(new_dataset(tmp_path), "sub-01_task-look_run-1", start=None)
    assert find(tmp_path)["slice_time_ref"] == 0.5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"subject": "3"}, "no preprocessed subject 3 in .*; expected one of 01, 02"),
        ({"subject": 1}, "no preprocessed subject 1 in .*; expected one of 01, 02"),
        ({"task": "listen"}, "no preprocessed task listen .*; expected one of look, rest"),
        ({"session": "1"}, "no preprocessed session 1 .*: there are none at all"),
        ({"run": 4}, "no preprocessed run 4 .*; expected one of 1, 2, 3, 10"),
        ({"run": [1, 5]}, "no preprocessed run 5 "),
        ({"confounds": ("wm_csf",)}, r"The confounds of .*run-1.* cannot be had.*white_matter"),
        ({"confounds": ("movement",)}, "The confounds of .* cannot be had: .*movement"),
        ({"confounds": None}, "confounds is None and there is motion"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(tiny, arguments, says):
    with pytest.raises(ValueError, match=says):
        find(tiny, **arguments)


def damage(root, how):
    func = root / "derivatives" / "fmriprep" / "sub-01" / "func"
    stem = f"sub-01_task-look_run-2_space-{MNI}_desc"
    if how == "events":
        (root / "sub-01" / "func" / "sub-01_task-look_run-2_events.tsv").unlink()
    elif how == "image":
        (func / f"{stem}-preproc_bold.nii.gz").unlink()
    elif how == "confounds":
        (func / "sub-01_task-look_run-2_desc-confounds_timeseries.tsv").unlink()
    elif how == "mask":
        (func / f"{stem}-brain_mask.nii.gz").unlink()
    elif how == "t_r":
        write_json(func / f"{stem}-preproc_bold.json", RepetitionTime=2.5, StartTime=0.9)
    elif how == "start":
        write_json(func / f"{stem}-preproc_bold.json", RepetitionTime=2.0)
    elif how == "twice":
        original = func / f"{stem}-preproc_bold.nii.gz"
        (func / original.name.replace("_desc", "_res-2_desc")).write_bytes(original.read_bytes())
    elif how == "no sidecar":
        for path in func.glob("*bold.json"):
            path.unlink()


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("events", "no events file for .*run-2.*such as sub-01_task-look_run-2_events.tsv"),
        ("image", "3 preprocessed runs, and events without one: sub-01_task-look_run-2_events"),
        ("confounds", r"The confounds of .*run-2.* cannot be had: Could not find"),
        ("mask", "0 brain masks for .*run-2"),
        ("t_r", "RepetitionTime is 2.0, 2.5, 2.0, 2.0 in the sidecars"),
        ("start", "StartTime is 0.9, None, 0.9, 0.9 in the sidecars"),
        ("twice", "Several files claim to be the same run: .*run-2.*res-2"),
        ("no sidecar", "has no RepetitionTime, which BIDS demands"),
    ],
)
def test_a_run_that_is_not_whole_is_named(tiny, how, says):
    damage(tiny, how)
    with pytest.raises(ValueError, match=says):
        find(tiny)
    if how in ("events", "image", "confounds", "mask", "t_r", "start", "twice"):
        assert len(find(tiny, run=[1, 3, 10])["func"]) == 3


def test_a_hemisphere_alone_is_no_run(tmp_path):
    root = new_dataset(tmp_path)
    add_run(root, "sub-01_task-look_run-1")
    func = root / "derivatives" / "fmriprep" / "sub-01" / "func"
    (func / "sub-01_task-look_run-1_hemi-L_space-fsaverage5_bold.func.gii").touch()
    with pytest.raises(ValueError, match=r"Of the two hemispheres .* only .*hemi-L"):
        find(root, space="fsaverage5")


def test_a_folder_that_is_no_dataset_says_what_lacks(tiny, tmp_path):
    with pytest.raises(DataError, match=r"There is no folder .*nowhere"):
        find(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no BIDS dataset: it has no dataset_description.json"):
        find(tiny / "sub-01")
    write_json(tiny / "dataset_description.json", Name="tiny")
    with pytest.raises(DataError, match=r"pybids does not accept .*'BIDSVersion' field missing"):
        find(tiny)


def test_events_with_files_need_the_folder_of_stimuli(images, tiny):
    found = bids_files(images, subject="01", task="images")
    assert found["stimuli"] == str(images / "stimuli")
    path = tiny / "sub-01" / "func" / "sub-01_task-look_run-3_events.tsv"
    path.write_text("onset\tduration\tstim_file\n0\t1\ta.png\n")
    with pytest.raises(DataError, match="no folder stimuli, where BIDS has them"):
        find(tiny)
    assert find(tiny, stimuli={"a.png": [1.0]})["stimuli"] == {"a.png": [1.0]}


def test_without_pybids_it_says_how_to_install_it(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "bids", None)
    with pytest.raises(ImportError, match="python -m pip install pybids"):
        find(tiny)
