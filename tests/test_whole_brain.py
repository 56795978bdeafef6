"""Blocks of voxels from a file: the right scores, kept through kills, in little memory."""

import functools
import io
import os
import pickle
import re
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import psutil
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from tqdm import tqdm

from helpers import ridge, scaling
from helpers._engine.ridge import SumsPlan
from helpers._files import DataError, bold, store
from helpers.ridge import ConstantVoxelWarning

ALPHAS = (0.1, 10.0, 1000.0)
EXACT = {"rtol": 0, "atol": 1e-12}
N_BLOCKS = 8  # of 7 voxels: the last block has one voxel


@pytest.fixture
def given(tmp_path):
    """Return the arguments of score_blocks for a small recording in a file."""
    rng = np.random.default_rng(0)
    runs = np.repeat([3, 1, 2, 7, 5], (24, 20, 31, 22, 20))
    X = rng.normal(size=(len(runs), 6))
    Y = X @ rng.normal(size=(6, 50)) + 3 * rng.normal(size=(len(runs), 50)) + 40
    np.save(tmp_path / "bold.npy", Y)
    return {
        "folder": tmp_path / "scores",
        "X": X,
        "bold": tmp_path / "bold.npy",
        "groups": runs,
        "alphas": ALPHAS,
        "cv": 4,
        "block": 7,
        "dtype": np.float64,
    }


@pytest.fixture
def computed(monkeypatch):
    """Count what is computed: the first voxel of each block, in order."""
    starts = []
    score_block = scaling.score_block

    def counted(plan, bold, block):
        starts.append(block.start)
        return score_block(plan, bold, block)

    monkeypatch.setattr(scaling, "score_block", counted)
    return starts


def in_memory(given):
    Y = np.load(given["bold"])
    scores = ridge.RidgeCV(given["alphas"], cv=given["cv"]).fit(
        given["X"], Y, groups=given["groups"]
    )
    return scores.cv_scores_.mean(axis=1), scores.alpha_


def change_bold(given, row, column, value):
    Y = np.load(given["bold"])
    Y[row, column] = value
    np.save(given["bold"], Y)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# ---- the scores


@pytest.mark.parametrize("block", [1, 7, 50, 1000])
@pytest.mark.parametrize("arranged", [np.ascontiguousarray, np.asfortranarray])
def test_scores_are_those_in_memory(given, block, arranged):
    np.save(given["bold"], arranged(np.load(given["bold"])))
    got = scaling.score_blocks(**given | {"block": block})
    scores, best_alpha = in_memory(given)
    np.testing.assert_allclose(got.scores, scores, **EXACT)
    np.testing.assert_array_equal(got.best_alpha, best_alpha)
    np.testing.assert_array_equal(got.alphas, ALPHAS)


def test_scores_are_those_of_scikit_learn(given):
    got = scaling.score_blocks(**given)
    X, Y = given["X"], np.load(given["bold"])
    for alpha, scores in zip(ALPHAS, got.scores, strict=True):
        expected = [
            r2_score(Y[test], Ridge(alpha=alpha).fit(X[train], Y[train]).predict(X[test]),
                     multioutput="raw_values")
            for train, test in ridge.run_folds(given["groups"], 4)
        ]  # fmt: skip
        np.testing.assert_allclose(scores, np.mean(expected, axis=0), rtol=0, atol=1e-10)


def test_single_precision_is_the_default_and_costs_little(given):
    np.save(given["bold"], np.load(given["bold"]).astype(np.float32))
    del given["dtype"]
    got = scaling.score_blocks(**given)
    assert got.scores.dtype == np.float32
    assert scaling.plan_of(scaling.prepare(**given)).dtype == np.float32
    np.testing.assert_allclose(got.scores, in_memory(given)[0], rtol=0, atol=1e-4)


def test_constant_voxels_score_nan_and_are_reported(given):
    change_bold(given, slice(None), 20, 7.0)
    with pytest.warns(ConstantVoxelWarning, match=r"1 of 50 voxels.*columns 20\."):
        got = scaling.score_blocks(**given)
    with pytest.warns(ConstantVoxelWarning):
        scores, best_alpha = in_memory(given)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(got.scores).all(axis=0)), [20])
    np.testing.assert_allclose(got.scores, scores, **EXACT)
    np.testing.assert_array_equal(got.best_alpha, best_alpha)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_no_number_is_named_by_its_place_in_the_file(given, computed, value):
    change_bold(given, 11, 30, value)
    with pytest.raises(ValueError, match=r"columns 28 to 34, .*at row 11, column 30\."):
        scaling.score_blocks(**given)
    assert computed == [0, 7, 14, 21, 28]
    got = np.load(given["folder"] / "scores.npy")
    assert np.isfinite(got[:, :28]).all() and np.isnan(got[:, 28:]).all()


@pytest.mark.parametrize("fortran_order", [True, False])
def test_memory_holds_one_block(tmp_path, monkeypatch, fortran_order):
    """Read 160 MB in blocks of 4 MB, without computing anything."""
    file = tmp_path / "bold.npy"
    shape = (2000, 20_000)
    np.lib.format.open_memmap(file, "w+", np.float32, shape, fortran_order=fortran_order)
    used = []
    monkeypatch.setattr(
        bold, "check_finite", lambda *_: used.append(psutil.Process().memory_info().rss)
    )
    monkeypatch.setattr(SumsPlan, "score", lambda plan, Y: np.zeros((1, 2, Y.shape[1])))
    X, runs = np.random.default_rng(0).normal(size=(2000, 2)), np.arange(2000) // 1000
    tracemalloc.start()
    scaling.score_blocks(tmp_path / "scores", X, file, runs, [1.0], 2, block=500)
    _, peak_of_arrays = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(used) == 40
    assert peak_of_arrays < 40e6
    assert max(used) - used[0] < 40e6  # of pages that a map keeps, which are no arrays


# ---- going on after an interruption


def test_when_all_is_done_nothing_is_computed(given, computed, monkeypatch):
    first = scaling.score_blocks(**given)
    assert computed == list(range(0, 50, 7))
    monkeypatch.setattr(scaling, "make_plan", lambda *_: pytest.fail("the plan was made again"))
    again = scaling.score_blocks(**given)
    assert len(computed) == N_BLOCKS
    np.testing.assert_array_equal(again.scores, first.scores)
    np.testing.assert_array_equal(again.best_alpha, first.best_alpha)


# Three files are put in place, then each block reaches the disk in two steps.
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", [*range(7), 1 + 2 * N_BLOCKS, 2 + 2 * N_BLOCKS])
def test_an_end_at_any_step_to_the_disk_loses_one_block_at_most(
    given, computed, monkeypatch, step, before
):
    steps = []

    def ending(function):
        def wrapped(*args, **kwargs):
            if before and len(steps) == step:
                raise KeyboardInterrupt
            function(*args, **kwargs)
            steps.append(function)
            if len(steps) == step + 1:
                raise KeyboardInterrupt

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr(np.memmap, "flush", ending(np.memmap.flush))
        patch.setattr(Path, "replace", ending(Path.replace))
        with pytest.raises(KeyboardInterrupt):
            scaling.score_blocks(**given)
    expected = in_memory(given)[0]
    kept = []
    if (given["folder"] / "done.npy").exists():
        job = scaling.prepare(**given)
        left = [block.start for block in job.store.to_do()]
        kept = [block for block in job.store.blocks() if block.start not in left]
        for block in kept:
            np.testing.assert_allclose(job.store.scores()[:, block], expected[:, block], **EXACT)
    begun = len(computed)
    assert begun - len(kept) <= 1
    got = scaling.score_blocks(**given)
    np.testing.assert_allclose(got.scores, expected, **EXACT)
    assert not {block.start for block in kept} & set(computed[begun:])


PROGRAM = """
import pickle, sys
import psutil
from helpers import scaling

given, log, last = sys.argv[1:]
score_block = scaling.score_block

def logged(plan, bold, block):
    with open(log, "a+") as lines:
        lines.write(f"{block.start}\\n")
        lines.seek(0)
        if len(lines.readlines()) == int(last):
            psutil.Process().kill()
    return score_block(plan, bold, block)

scaling.score_block = logged
with open(given, "rb") as stream:
    scaling.score_blocks(**pickle.load(stream))
"""


@pytest.mark.slow
def test_a_killed_process_goes_on_where_it_was(given, tmp_path):
    """It is killed in the 5th, the 20th and the 35th block that is begun, each time anew."""
    (tmp_path / "job").write_bytes(pickle.dumps(given | {"block": 1}))
    log = tmp_path / "log"
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "job"), str(log)]
    expected = in_memory(given)[0]
    for number_of_kills, last in enumerate((5, 20, 35), start=1):
        ended = subprocess.run([*command, str(last)], capture_output=True, check=False)
        assert ended.returncode != 0
        done = np.load(given["folder"] / "done.npy")
        assert done.sum() == last - number_of_kills
        scores = np.load(given["folder"] / "scores.npy")
        np.testing.assert_allclose(scores[:, done], expected[:, done], **EXACT)
        assert np.isnan(scores[:, ~done]).all()
    subprocess.run([*command, "0"], capture_output=True, check=True)
    np.testing.assert_allclose(np.load(given["folder"] / "scores.npy"), expected, **EXACT)
    begun = list(map(int, log.read_text().split()))
    assert len(begun) == 50 + 3  # a block that was being computed, and no other, was begun twice
    assert set(begun) == set(range(50))


def test_the_bar_starts_from_what_is_done(given, monkeypatch):
    text = io.StringIO()
    bar = functools.partial(tqdm, disable=False, file=text, mininterval=0)
    monkeypatch.setattr(scaling, "tqdm", bar)
    job = scaling.prepare(**given)
    for block in job.store.blocks()[:5]:
        job.store.write(block, np.zeros((3, block.stop - block.start)))
    scaling.score_blocks(**given)
    shown = list(dict.fromkeys(re.findall(r"\d/\d", text.getvalue())))
    assert shown == ["5/8", "6/8", "7/8", "8/8"]


# ---- folders that do not fit


def other_bold(given):
    change_bold(given, 0, 0, 41.0)
    return given["bold"]


OTHERS = {
    "X": lambda given: given["X"] * (1 + 1e-15),
    "groups": lambda given: np.repeat(np.arange(5), (24, 20, 30, 23, 20)),
    "alphas": lambda given: (*ALPHAS, 1e4),
    "cv": lambda given: 5,
    "block": lambda given: 8,
    "dtype": lambda given: np.float32,
    "bold": other_bold,
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_folder_of_other_inputs_is_refused(given, computed, name):
    scaling.score_blocks(**given)
    before = contents(given["folder"])
    stored = {"groups": "splits", "cv": "splits"}.get(name, name)
    with pytest.raises(ValueError, match=f"other inputs; different: {stored}") as caught:
        scaling.score_blocks(**given | {name: OTHERS[name](given)})
    assert not any(f", {other}" in str(caught.value) for other in OTHERS)
    assert contents(given["folder"]) == before
    assert len(computed) == N_BLOCKS


def keeping_its_date(path, change):
    """Change a file so that size and date are those that it had."""
    before = path.stat()
    change()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@pytest.mark.parametrize("column", [3, 45])  # in a block that is done, and in one that is not
def test_other_responses_of_the_same_size_and_date_are_refused(given, column):
    job = scaling.prepare(**given)
    job.store.write(job.store.blocks()[0], np.zeros((3, 7)))
    keeping_its_date(given["bold"], lambda: change_bold(given, 11, column, 5.0))
    with pytest.raises(ValueError, match=r"different: bold .*checksum .* there, .*checksum"):
        scaling.score_blocks(**given)


def test_another_subjects_file_in_the_same_place_is_refused(given, computed, monkeypatch):
    scaling.score_blocks(**given)
    here, there = given["bold"].parent, given["bold"].parent / "other"
    there.mkdir()
    Y = np.load(given["bold"])
    np.save(there / "bold.npy", Y[:, ::-1])
    os.utime(there / "bold.npy", ns=(given["bold"].stat().st_mtime_ns,) * 2)
    for folder in (here, there):
        monkeypatch.chdir(folder)
        if folder == here:
            scaling.score_blocks(**given | {"bold": "bold.npy"})
        else:
            with pytest.raises(ValueError, match="different: bold"):
                scaling.score_blocks(**given | {"bold": "bold.npy"})
    assert len(computed) == N_BLOCKS


def test_a_copy_of_the_file_goes_on_where_the_file_was_left(given, computed, tmp_path):
    scaling.score_blocks(**given)
    shutil.copy(given["bold"], tmp_path / "copy.npy")
    scaling.score_blocks(**given | {"bold": tmp_path / "copy.npy"})
    assert len(computed) == N_BLOCKS


def test_the_message_gives_both_values_and_says_what_to_do(given):
    scaling.prepare(**given)
    with pytest.raises(ValueError, match=r"splits, block \(7 there, 8") as e:
        scaling.prepare(**given | {"cv": 5, "block": 8})
    assert "Give the same inputs again to continue, or name a new folder" in str(e.value)


@pytest.mark.parametrize("name", ["notes.txt", "scores.npy", "done.npy"])
def test_a_folder_with_something_else_is_refused_and_left_alone(given, name):
    given["folder"].mkdir()
    (given["folder"] / name).write_bytes(b"precious")
    with pytest.raises(
        ValueError, match=re.escape(f"something other than scores of blocks ({name}")
    ):
        scaling.prepare(**given)
    assert contents(given["folder"]) == {name: b"precious"}


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def empty(path):
    path.write_bytes(b"")


def of_other_shape(path):
    np.save(path, np.zeros((3, 3)))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("inputs.npz", cut),
        ("inputs.npz", empty),
        ("done.npy", cut),
        ("done.npy", empty),
        ("done.npy", of_other_shape),
        ("scores.npy", cut),
        ("scores.npy", Path.unlink),
        ("scores.npy", of_other_shape),
    ],
)
def test_damaged_files_are_reported(given, name, damage):
    scaling.score_blocks(**given)
    damage(given["folder"] / name)
    with pytest.raises(DataError, match=f"{name} is damaged or missing .*delete the folder"):
        scaling.score_blocks(**given)


# ---- input that does not fit


REFUSED = {
    "samples": ({"X": np.ones((5, 2))}, "X has 5 samples and .* has 117"),
    "block 0": ({"block": 0}, "block is 0"),
    "half a block": ({"block": 2.5}, "block is 2.5"),
    "integers": ({"dtype": np.int64}, "dtype is int64"),
    "folds": ({"cv": 6}, "n_folds is 6 and there are 5 runs"),
    "runs": ({"groups": [1, 2]}, "runs has shape"),
    "alphas": ({"alphas": (1.0, 0.0)}, "not above zero"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_before_the_folder_is_taken(given, case):
    changed, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        scaling.prepare(**given | changed)
    assert not given["folder"].exists()


ARRAYS = {
    "integers": np.ones((117, 4), dtype=np.int16),
    "half precision": np.ones((117, 4), dtype=np.float16),
    "one dimension": np.ones(117),
    "no voxels": np.ones((117, 0)),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_files_of_other_arrays_are_refused(given, case):
    np.save(given["bold"], ARRAYS[case])
    with pytest.raises(ValueError, match="expected float32 or float64 of shape"):
        scaling.prepare(**given)


@pytest.mark.parametrize("damage", [Path.unlink, cut, empty])
def test_files_that_cannot_be_read_are_reported(given, damage):
    damage(given["bold"])
    with pytest.raises(DataError, match=r"bold\.npy cannot be read as a \.npy file"):
        scaling.prepare(**given)


# ---- simulated responses


def test_simulated_responses_depend_on_the_features_as_promised(tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "BLOCK", 1000)
    X = np.random.default_rng(0).normal(size=(1200, 5))
    scaling.simulate_bold(tmp_path / "bold.npy", X, 2500, random_state=1)
    Y = np.load(tmp_path / "bold.npy")
    assert Y.dtype == np.float32 and Y.flags.f_contiguous
    explained = 1 - (Y - X @ np.linalg.lstsq(X, Y)[0]).var(axis=0) / Y.var(axis=0)
    # A voxel with strength s, between 0 and 1, has a share of s^2 / (1 + s^2) on average.
    assert abs(explained.mean() - (1 - np.pi / 4)) < 0.02
    assert len(np.unique(Y[0])) > 2490
    scaling.simulate_bold(tmp_path / "again.npy", X, 2500, random_state=1)
    np.testing.assert_array_equal(np.load(tmp_path / "again.npy"), Y)
    scaling.simulate_bold(tmp_path / "again.npy", X, 2500, random_state=2)
    assert not np.isclose(np.load(tmp_path / "again.npy"), Y).any(axis=0).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.npy", "bold.npy"]


def test_an_interrupted_simulation_leaves_no_file_that_looks_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "BLOCK", 10)
    monkeypatch.setattr(np.random, "default_rng", interrupt_after(2, np.random.default_rng))
    with pytest.raises(KeyboardInterrupt):
        scaling.simulate_bold(tmp_path / "bold.npy", np.ones((20, 2)), 50)
    assert not (tmp_path / "bold.npy").exists()


def interrupt_after(n, function):
    calls = iter(range(n))

    def wrapped(*args):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return function(*args)

    return wrapped


def test_a_job_knows_its_folder_wherever_it_runs(given, monkeypatch):
    monkeypatch.chdir(given["folder"].parent)
    job = scaling.prepare(**given | {"folder": "scores", "bold": "bold.npy"})
    assert (job.store.folder, job.bold) == (given["folder"], given["bold"])
    assert sorted(contents(given["folder"])) == [
        store.DONE,
        store.INPUTS,
        store.SCORES,
    ]
