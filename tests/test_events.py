"""From onsets and durations to rows: what was shown in each volume, and when each trial was."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nilearn.glm.first_level import make_first_level_design_matrix
from PIL import Image

from helpers._files import DataError
from helpers._files.events import conditions, read_events, rows_of_events


def table(onsets, durations, names, **columns):
    """A table of events as BIDS has it."""
    times = {"onset": onsets, "duration": durations, "trial_type": names}
    return pd.DataFrame(times | columns)


def write(path, frame):
    """Write events as BIDS wants them."""
    frame.to_csv(path, sep="\t", index=False, na_rep="n/a")
    return path


def random_events(rng, n_events, until, step):
    """Onsets and durations on a grid of `step` seconds, in no order, with overlaps."""
    onsets = rng.integers(-3, until / step, n_events) * step
    durations = rng.integers(1, 5 / step, n_events) * step
    return table(onsets, durations, rng.choice(list("abcd"), n_events))


def on_a_fine_grid(events, features, n_volumes, t_r, ref, per_second=1000):
    """Add up the features of the events at each millisecond, and average over each volume."""
    n_ticks = round(t_r * per_second)
    rows = []
    for volume in range(n_volumes):
        times = (volume + ref - 0.5) * t_r + (np.arange(n_ticks) + 0.5) / per_second
        total = 0
        for _, event in events.iterrows():
            shown = (times >= event.onset) & (times < event.onset + event.duration)
            total = total + np.outer(shown, features[event.trial_type])
        rows.append(total.mean(axis=0))
    return np.array(rows)


@pytest.mark.filterwarnings("ignore:.*events of this DataFrame:UserWarning")
@pytest.mark.parametrize("ref", [0, 0.5, 0.25, 1])
@pytest.mark.parametrize("t_r", [2.0, 0.8])
def test_rows_are_means_over_the_time_of_a_volume(ref, t_r):
    rng = np.random.default_rng(int(10 * (ref + t_r)))
    events = random_events(rng, 25, 30 * t_r, 0.004)
    features = {name: rng.standard_normal(3) for name in "abcd"}
    got = rows_of_events(events, features, 30, t_r, slice_time_ref=ref)
    expected = on_a_fine_grid(events, features, 30, t_r, ref)
    np.testing.assert_allclose(got.values, expected, atol=1e-9)
    assert np.abs(expected).max() > 0.5


@pytest.mark.filterwarnings("ignore:.*events of this DataFrame:UserWarning")
@pytest.mark.parametrize("ref", [0, 0.5])
def test_rows_are_the_boxcars_of_nilearn(ref):
    """Its design without a response, at 40 moments of each volume, averaged."""
    t_r, n_volumes, fine = 2.0, 30, 40
    step = t_r / fine
    events = random_events(np.random.default_rng(3), 12, 50, step)
    events = events[events.onset >= 0].drop_duplicates(["onset", "trial_type"])
    times = (ref - 0.5) * t_r + (np.arange(n_volumes * fine) + 0.5) * step
    design = make_first_level_design_matrix(
        times, events, hrf_model=None, drift_model=None, oversampling=1, min_onset=0
    )
    expected = design[list("abcd")].to_numpy().reshape(n_volumes, fine, 4).mean(axis=1)
    got = rows_of_events(events, None, n_volumes, t_r, slice_time_ref=ref)
    assert got.names == list("abcd")
    # The designs' grid starts half a step later: an edge may fall one step off.
    np.testing.assert_allclose(got.values, expected, atol=1 / fine + 1e-9)


def test_whole_volumes_are_whole_numbers():
    """7.2 s are ten volumes of 0.72 s, which rounds to a little more."""
    onsets = np.arange(0, 40, 2) * 0.72
    got = rows_of_events(table(onsets, [0.72] * 20, ["a"] * 20), None, 40, 0.72)
    np.testing.assert_array_equal(got.values[:, 0], [1, 0] * 20)
    np.testing.assert_array_equal(got.blocks[:, 0], np.arange(0, 40, 2))


def test_slice_timing_moves_the_time_that_a_volume_stands_for():
    """Slice-timed to its start, volume 3 of 2 s is the time from 5 to 7 s."""
    events = table([5.0], [2.0], ["a"])
    start = rows_of_events(events, None, 6, 2.0, slice_time_ref=0)
    middle = rows_of_events(events, None, 6, 2.0)
    assert start.values[:, 0].tolist() == [0, 0, 0, 1, 0, 0]
    assert middle.values[:, 0].tolist() == [0, 0, 0.5, 0.5, 0, 0]


def test_order_does_not_matter():
    events = random_events(np.random.default_rng(1), 20, 60, 0.1)
    events = events.drop_duplicates(["onset"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # overlaps are meant
        sorted_ = rows_of_events(events.sort_values("onset"), None, 35, 2.0)
        shuffled = rows_of_events(events.sample(frac=1, random_state=0), None, 35, 2.0)
    np.testing.assert_array_equal(shuffled.values, sorted_.values)
    np.testing.assert_array_equal(shuffled.blocks, sorted_.blocks)
    np.testing.assert_array_equal(shuffled.images, sorted_.images)


# Trials


def test_all_trials_are_found():
    """Twins in a row and black images: looking for changes between rows finds 16 of 24."""
    order = np.array([0, 0, 1, 2, 2, 3, 9, 4, 4, 5, 9, 0, 6, 6, 7, 1, 5, 9, 3, 8, 6, 9, 2, 5])
    pictures = np.random.default_rng(0).integers(0, 2, (10, 3, 4)).astype(float)
    pictures[9] = 0
    stimuli = {f"image {number}": picture for number, picture in enumerate(pictures)}
    events = table(np.arange(24) * 6.0, [6.0] * 24, [f"image {number}" for number in order])
    got = rows_of_events(events, stimuli, 75, 2.0)

    lit = got.values.any(axis=1)
    starts = lit & np.r_[True, (got.values[1:] != got.values[:-1]).any(axis=1)]
    assert starts.sum() == 16
    assert got.blocks.tolist() == [[3 * trial, 3 * trial + 3] for trial in range(24)]
    assert got.shape == (3, 4)
    np.testing.assert_array_equal(got.images, pictures[order].reshape(24, 12))
    for (first, end), number in zip(got.blocks, order, strict=True):
        np.testing.assert_array_equal(got.values[first:end], [pictures[number].ravel()] * 3)
    assert not got.values[72:].any()


@pytest.mark.parametrize(
    ("onset", "duration", "block"),
    [
        (4.0, 4.0, [2, 4]),
        (4.9, 4.0, [2, 4]),  # more than half of volume 2, less than half of volume 4
        (5.1, 4.0, [3, 5]),
        (5.0, 2.0, [3, 4]),  # half of two volumes: halves round upwards
        (4.5, 0.2, [2, 3]),
        (5.8, 0.6, [3, 4]),  # a third of it in volume 2, two thirds in volume 3
        (5.5, 0.6, [2, 3]),
        (19.5, 6.0, [9, 10]),  # the end of the run
        (-3.0, 3.2, [0, 1]),  # its start
    ],
)
def test_a_block_has_the_volumes_that_a_trial_covers_best(onset, duration, block):
    got = rows_of_events(table([onset, 8.0], [duration, 2.0], ["a", "b"]), None, 10, 2.0)
    assert got.blocks[np.argmax(got.images[:, 0])].tolist() == block


def test_trials_without_gaps_have_blocks_without_gaps():
    edges = np.cumsum(np.random.default_rng(5).uniform(2.1, 5, 40))
    events = table(edges[:-1], np.diff(edges), ["a", "b", "c"] * 13)
    got = rows_of_events(events, None, 80, 2.0)
    np.testing.assert_array_equal(got.blocks[1:, 0], got.blocks[:-1, 1])
    assert (got.blocks[:, 1] > got.blocks[:, 0]).all()


def test_short_trials_share_a_volume():
    got = rows_of_events(table([4.1, 5.2], [0.5, 0.5], ["a", "b"]), None, 10, 2.0)
    assert got.blocks.tolist() == [[2, 3], [2, 3]]
    assert got.values[2].tolist() == [0.25, 0.25]


# What was shown


def test_conditions_of_all_runs_make_the_same_columns():
    runs = [table([0.0, 4], [2.0, 2], ["face", "house"]), table([0.0], [2.0], ["chair"])]
    columns = conditions(runs)
    got = [rows_of_events(run, columns, 8, 2.0) for run in runs]
    assert got[0].names == got[1].names == ["chair", "face", "house"]
    assert got[0].values[:3].tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert got[1].values[:2].tolist() == [[1, 0, 0], [0, 0, 0]]


def test_a_file_with_missing_values_and_words_that_look_like_them(tmp_path):
    """n/a is missing; null, NA and None are words."""
    frame = table([0.0, 2, 4, 6, 8], [2.0] * 5, ["null", "NA", None, "None", "1"])
    frame["response_time"] = [None, 0.3, None, None, 0.2]
    got = rows_of_events(write(tmp_path / "events.tsv", frame), None, 6, 2.0)
    assert got.names == ["1", "NA", "None", "null"]
    assert got.values.argmax(axis=1).tolist()[:2] == [3, 1]
    assert not got.values[2].any()
    assert len(got.blocks) == 4


def test_files_as_spreadsheets_write_them(tmp_path):
    path = tmp_path / "events.tsv"
    path.write_bytes(
        b"\xef\xbb\xbfonset\tduration\t trial_type\r\n0.0\t2\tface \r\n4\t2\tface\r\n\r\n"
    )
    got = rows_of_events(path, None, 4, 2.0)
    assert got.values[:, 0].tolist() == [1, 0, 1, 0]
    path = tmp_path / "events.csv"
    path.write_text("onset,duration,trial_type\n2,2,face\n", encoding="utf-8")
    assert rows_of_events(str(path), None, 4, 2.0).values[:, 0].tolist() == [0, 1, 0, 0]


@pytest.fixture
def folder(tmp_path):
    """A folder of stimuli: a picture, another in a folder of its own, an array."""
    place = tmp_path / "stimuli"
    (place / "more").mkdir(parents=True)
    Image.fromarray(np.array([[0, 51], [102, 255]], dtype=np.uint8)).save(place / "a.png")
    Image.fromarray(np.full((2, 2), 255, dtype=np.uint8)).save(place / "more" / "b.png")
    np.save(place / "c.npy", [[-1.0, 0], [0, 1]])
    return place


def stim_files(*names):
    """Events of 2 s each that name files."""
    n = len(names)
    frame = {"onset": np.arange(n) * 4.0, "duration": [2.0] * n, "stim_file": names}
    return pd.DataFrame(frame)


def test_files_of_a_folder(folder):
    events = stim_files("a.png", "more/b.png", "stimuli/c.npy", "more\\b.png", "n/a", None)
    got = rows_of_events(events, folder, 12, 2.0)
    assert got.shape == (2, 2)
    assert got.names is None
    np.testing.assert_allclose(got.values[0], [0, 0.2, 0.4, 1])
    assert got.values[[2, 4, 6]].tolist() == [[1] * 4, [-1, 0, 0, 1], [1] * 4]
    assert len(got.blocks) == 4


def test_features_of_each_name_from_a_dict_a_table_or_columns(folder):
    events = table([0.0, 4, 8, 12], [2.0] * 4, ["cat", "dog", "cat", "rest"], x=[1, 2, 3, None])
    vectors = {"cat": [0.5, -2], "dog": [1, 1]}
    got = rows_of_events(events, vectors | {"rest": None}, 9, 2.0)
    expected = np.zeros((9, 2))
    expected[[0, 2, 4]] = [[0.5, -2], [1, 1], [0.5, -2]]
    np.testing.assert_array_equal(got.values, expected)
    assert got.shape is None and len(got.blocks) == 3
    frame = pd.DataFrame(vectors, index=["animate", "size"]).T
    for stimuli in (frame, frame.rename_axis("trial_type").reset_index()):
        named = rows_of_events(events[:3], stimuli, 9, 2.0)
        np.testing.assert_array_equal(named.values, expected)
        assert named.names == ["animate", "size"]
    series = rows_of_events(events[:3], frame["size"], 9, 2.0)
    np.testing.assert_array_equal(series.values, expected[:, 1:])
    columns = rows_of_events(events, ["x"], 9, 2.0)
    assert columns.values[:, 0].tolist() == [1, 0, 2, 0, 3, 0, 0, 0, 0]
    assert columns.names == ["x"] and len(columns.blocks) == 3
    picture = rows_of_events(events, dict.fromkeys(["cat", "dog", "rest"], folder / "a.png"), 9, 2)
    np.testing.assert_allclose(picture.values[2], [0, 0.2, 0.4, 1])


def test_numbers_as_names():
    """Beside a missing value pandas makes 1.0 of 1."""
    events = table([0.0, 4, 8], [2.0] * 3, [1, None, 2])
    got = rows_of_events(events, {1: [1.0], 2: [5.0]}, 6, 2.0)
    assert got.values[:, 0].tolist() == [1, 0, 0, 0, 5, 0]


def test_names_are_looked_up_where_they_are_found(folder):
    events = table([0.0, 4], [2.0] * 2, ["face"] * 2, stim_file=["a.png", "b.png"])
    by_file = rows_of_events(events, {"a.png": [1.0], "b.png": [2.0]}, 4, 2.0)
    assert by_file.values[:, 0].tolist() == [1, 0, 2, 0]
    assert rows_of_events(events, {"face": [3.0]}, 4, 2.0).values[:, 0].tolist() == [3, 0, 3, 0]


def test_modulation_multiplies_as_in_nilearn():
    events = table([0.0, 4], [2.0] * 2, ["a", "a"], modulation=[2, -0.5])
    got = rows_of_events(events, {"a": [4.0]}, 4, 2.0)
    assert got.values[:, 0].tolist() == [8, 0, -2, 0]
    assert got.images.tolist() == [[4], [4]]


def test_conditions_at_the_same_time_each_count():
    got = rows_of_events(table([0.0, 2], [6.0, 2], ["sound", "light"]), None, 4, 2.0)
    assert got.values.tolist() == [[0, 1], [1, 1], [0, 1], [0, 0]]


# What is said


def test_moments_fill_their_volume_and_are_counted():
    events = table([1.9, 4.0, 12.5], [0.0, 0, 2], ["a", "a", "a"])
    with pytest.warns(UserWarning, match=r"2 of 3 events .* duration 0: each counts fully in the"):
        got = rows_of_events(events, None, 8, 2.0)
    assert got.values[:, 0].tolist() == [1, 0, 1, 0, 0, 0, 0.75, 0.25]
    assert got.blocks.tolist() == [[0, 1], [2, 3], [6, 7]]


def test_some_events_outside_the_run_are_counted():
    events = table([-4.0, 0, 4, 8, 40], [2.0] * 5, list("abcab"))
    message = r"2 of 5 events .*outside the run and are left out, the first in row 1; .* 0 to 20 s"
    with pytest.warns(UserWarning, match=message):
        got = rows_of_events(events, None, 10, 2.0)
    assert got.blocks.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert len(got.images) == 3


@pytest.mark.parametrize("factor", [1000, 100])
def test_onsets_in_milliseconds_are_refused(factor):
    onsets = np.arange(0, 24) * 6.0 * factor
    message = r"onsets go from 0 to .*the run lasts from 0 to 150 s.*divide milliseconds by 1000"
    with pytest.raises(ValueError, match=message):
        rows_of_events(table(onsets, [3.0] * 24, ["a"] * 24), None, 75, 2.0)


def test_durations_in_milliseconds_are_refused():
    events = table(np.arange(10) * 6.0, [3000.0] * 10, list("abcdefghij"))
    with pytest.raises(ValueError, match=r"durations up to 3000, .*divide milliseconds by 1000"):
        rows_of_events(events, None, 40, 2.0)


def test_onsets_in_volumes_leave_an_empty_end():
    """70 volumes of 2 s; the run seems to stop half-way."""
    events = table(np.arange(0, 66, 6), [3] * 11, ["a"] * 11)
    with pytest.warns(UserWarning, match=r"last 77 s have no event .*multiply volumes by the TR"):
        rows_of_events(events, None, 70, 2.0)


def test_two_images_at_once_are_refused(folder):
    events = stim_files("a.png", "more/b.png", "a.png").assign(duration=[2.0, 5, 2])
    with pytest.raises(ValueError, match=r"1 events .* another image is shown, the first in row 3"):
        rows_of_events(events, folder, 12, 2.0)
    nearly = events.assign(duration=[2.0, 4.05, 2])
    assert len(rows_of_events(nearly, folder, 12, 2.0).blocks) == 3


def test_a_row_that_is_there_twice():
    events = table([0.0, 4, 4], [2.0] * 3, ["a", "b", "b"])
    with pytest.warns(UserWarning, match=r"1 events .* same is shown already.*count twice"):
        rows_of_events(events, None, 8, 2.0)
    with pytest.warns(UserWarning, match="same is shown already"):
        rows_of_events(events.assign(duration=[2.0, 2, 3]), None, 8, 2.0)


@pytest.mark.parametrize("pause", ["rest", "Baseline"])
def test_a_pause_that_is_named_like_a_condition(pause):
    with pytest.warns(UserWarning, match=rf'"{pause}" gets a column.*write n/a for'):
        rows_of_events(table([0.0, 4], [4.0] * 2, ["face", pause]), None, 4, 2.0)


GOOD = {"onset": [0.0, 4.0], "duration": [2.0, 2.0], "trial_type": ["a", "b"]}
BAD_TABLES = {
    "no onset": ({"duration": [1], "trial_type": ["a"]}, "has the columns duration, trial_type;"),
    "no duration": ({"onset": [1], "trial_type": ["a"]}, "expected onset and duration"),
    "no names": ({"onset": [1], "duration": [1], "word": ["a"]}, "no trial_type; .*rename the one"),
    "only missing names": (GOOD | {"trial_type": [None, "n/a"]}, "has no trial_type; expected"),
    "no events": ({name: [] for name in GOOD}, "has no events; expected one row an event"),
    "negative": (GOOD | {"duration": [2, -1]}, "has the duration -1 in row 2; expected seconds"),
    "missing onset": (GOOD | {"onset": [0, None]}, 'has "n/a" as the onset in row 2'),
    "missing duration": (GOOD | {"duration": ["n/a", "2"]}, 'has "n/a" as the duration in row 1'),
    "infinite": (GOOD | {"onset": [0, np.inf]}, 'has "inf" as the onset in row 2'),
    "decimal comma": (GOOD | {"onset": ["0,5", "4,5"]}, 'has "0,5" as the onset .*point for dec'),
    "modulation": (GOOD | {"modulation": [1, "x"]}, 'has "x" as the modulation in row 2'),
}


@pytest.mark.parametrize("case", BAD_TABLES)
@pytest.mark.parametrize("on_disk", [False, True])
def test_bad_tables_of_events_are_refused(tmp_path, case, on_disk):
    columns, message = BAD_TABLES[case]
    frame = pd.DataFrame(columns)
    events = write(tmp_path / "x_events.tsv", frame) if on_disk else frame
    with pytest.raises(ValueError, match=message) as caught:
        rows_of_events(events, None, 10, 2.0)
    assert ("x_events.tsv" if on_disk else "this DataFrame") in str(caught.value)


BAD_FILES = {
    "commas": (b"onset,duration,trial_type\n0,2,a\n", "has the columns onset,duration.*with tabs"),
    "long rows": (
        b"onset\tduration\ttrial_type\n0\t2\ta\tb\n",
        "is not a table of events .*equally",
    ),
    "a long row": (b"onset\tduration\ttrial_type\n0\t2\ta\n0\t2\ta\tb\n", "not a table of events"),
    "empty": (b"\n", "is empty; expected a header and one row an event"),
    "UTF-16": ("onset\tduration".encode("utf-16"), r"not a table of events \(text in UTF-16\)"),
    "binary": (b"\x89PNG\xff\x00", r"is not a table of events \(not a text file\)"),
    "twice": (b"onset\tduration\tonset \n0\t2\t3\n", 'has the column "onset" twice'),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_of_events_are_refused(tmp_path, case):
    content, message = BAD_FILES[case]
    (tmp_path / "events.tsv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        rows_of_events(tmp_path / "events.tsv", None, 10, 2.0)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match=r"gone\.tsv cannot be opened \(No such file"):
        rows_of_events(tmp_path / "gone.tsv", None, 10, 2.0)
    with pytest.raises(DataError, match="is a folder; expected a file"):
        rows_of_events(tmp_path, None, 10, 2.0)
    (tmp_path / "link.tsv").symlink_to(tmp_path / "annexed")
    with pytest.raises(DataError, match=r"is a link, and what it links to is not there.*datalad"):
        rows_of_events(tmp_path / "link.tsv", None, 10, 2.0)


@pytest.mark.parametrize("number", [None, 0, -2.0, np.nan, "2"])
def test_a_repetition_time_is_needed(number):
    with pytest.raises(ValueError, match=r"t_r is .*; expected the seconds .* give t_r="):
        rows_of_events(pd.DataFrame(GOOD), None, 10, number)


def test_numbers_of_the_run_are_checked():
    with pytest.raises(ValueError, match="n_volumes is 0; expected how many volumes"):
        rows_of_events(pd.DataFrame(GOOD), None, 0, 2.0)
    with pytest.raises(ValueError, match=r"slice_time_ref is 1\.2; expected .*divide StartTime"):
        rows_of_events(pd.DataFrame(GOOD), None, 10, 2.0, slice_time_ref=1.2)
    with pytest.raises(ValueError, match="events is of the type list; expected a path or a Data"):
        rows_of_events([0, 1], None, 10, 2.0)


def test_files_of_a_folder_that_are_wrong(folder):
    message = r'"A\.png" is not in .*stimuli; there is "a\.png": write upper and lower case alike'
    with pytest.raises(ValueError, match=message):
        rows_of_events(stim_files("A.png"), folder, 10, 2.0)
    with pytest.raises(ValueError, match=r'"d\.png" is not in .*expected the paths in stim_file'):
        rows_of_events(stim_files("a.png", "d.png"), folder, 10, 2.0)
    with pytest.raises(DataError, match="away cannot be opened"):
        rows_of_events(stim_files("a.png"), folder / "away", 10, 2.0)
    with pytest.raises(ValueError, match=r"a\.png, a file; expected the folder"):
        rows_of_events(stim_files("a.png"), folder / "a.png", 10, 2.0)
    with pytest.raises(ValueError, match="has no stim_file; expected there what each event"):
        rows_of_events(pd.DataFrame(GOOD), folder, 10, 2.0)
    (folder / "film.mp4").write_bytes(b"0")
    with pytest.raises(ValueError, match=r"film\.mp4 is no picture and no \.npy.*label="):
        rows_of_events(stim_files("film.mp4"), folder, 10, 2.0)
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:40])
    with pytest.raises(DataError, match=r"broken\.png cannot be read as a picture"):
        rows_of_events(stim_files("broken.png"), folder, 10, 2.0)
    np.save(folder / "large.npy", np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r'"large\.npy" has the shape \(3, 2\) and "a\.png" has'):
        rows_of_events(stim_files("a.png", "large.npy"), folder, 10, 2.0)


BAD_STIMULI = {
    "missing": ({"a": [1.0]}, 'nothing for the trial_type "b" of .*nor for 0 more; it has a'),
    "other lengths": ({"a": [1.0], "b": [1.0, 2]}, r'"b" has the shape \(2,\) and "a" has \(1,\)'),
    "NaN": ({"a": [1.0], "b": [np.nan]}, 'The stimulus "b" has 1 values that are NaN'),
    "words": ({"a": ["x"], "b": [1]}, 'The stimulus "a" holds text; expected real numbers'),
    "colours": ({"a": np.ones((2, 2, 3)), "b": [1]}, r"shape \(2, 2, 3\).*average the colours"),
    "twice": (pd.Series([1, 2, 3], index=["a", "b", "a"]), 'has "a" more than once'),
    "an array": (np.ones(3), "stimuli is of the type ndarray; expected a folder, a dict"),
    "no column": (["contrast"], r"lists \['contrast'\], and this DataFrame has the columns"),
    "text": (["trial_type"], 'has "a" as the trial_type in row 1.*expected a number'),
    "nothing shown": ({"a": None, "b": None}, "no event that shows anything: look at its trial"),
}


@pytest.mark.parametrize("case", BAD_STIMULI)
def test_bad_stimuli_are_refused(case):
    stimuli, message = BAD_STIMULI[case]
    with pytest.raises(ValueError, match=message):
        rows_of_events(pd.DataFrame(GOOD), stimuli, 10, 2.0)


# Whatever comes


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["n/a", "1,5", "NaN", "a", "1e3", " "]),
)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5),
    columns=st.permutations(["onset", "duration", "trial_type", "stim_file"]),
    t_r=st.sampled_from([0.72, 2.0]),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_table_gives_rows_or_a_sentence(rows, columns, t_r):
    events = pd.DataFrame(rows, columns=columns[:3])
    try:
        got = rows_of_events(events, None, 20, t_r)
    except ValueError as error:
        assert "expected" in str(error).lower() or "look at" in str(error)
    else:
        assert got.values.shape == (20, len(got.names))
        assert np.isfinite(got.values).all()
        assert len(got.blocks) == len(got.images) > 0
        assert ((got.blocks[:, 0] < got.blocks[:, 1]) & (got.blocks >= 0).all(axis=1)).all()
        assert got.blocks.max() <= 20


def test_a_table_keeps_its_other_columns_and_its_rows():
    frame = table([4.0, 0.0], [2.0, 2.0], ["b", "a"], response=["x", "y"])
    got, source = read_events(frame)
    assert source == "this DataFrame"
    assert got.index.tolist() == [2, 1]
    assert got["response"].tolist() == ["y", "x"]
    assert frame.columns.tolist() == ["onset", "duration", "trial_type", "response"]
