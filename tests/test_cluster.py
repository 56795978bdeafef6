"""Many subjects on Dask: the numbers of one process, whatever happens to the workers."""

import contextlib
import importlib
import os
import socket
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from helpers import scaling

EXACT = {"rtol": 0, "atol": 1e-12}
NO_DASK = "Dask is an extra: python -m pip install --editable .[dask]"
N_BLOCKS = 10  # of 6 voxels, for each of two subjects


@pytest.fixture(scope="module")
def client():
    dask = pytest.importorskip("dask", reason=NO_DASK)
    # By default a worker that is not back in 15 s is given up: here that comes sooner.
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": 0.1}),
        scaling.local_client(n_workers=2) as client,
    ):
        yield client


@pytest.fixture
def subjects(tmp_path):
    """Return the arguments of `prepare` for two subjects with different features and runs."""
    given = []
    for seed, n_runs in enumerate((4, 6)):
        X = np.random.default_rng(seed).normal(size=(20 * n_runs, 5))
        scaling.simulate_bold(tmp_path / f"bold-{seed}.npy", X, 60, seed)
        given.append(
            {
                "folder": tmp_path / f"scores-{seed}",
                "X": X,
                "bold": tmp_path / f"bold-{seed}.npy",
                "runs": np.repeat(np.arange(n_runs), 20),
                "alphas": (1.0, 100.0),
                "n_folds": 3 + seed,
                "block": 6,
                "dtype": np.float64,
            }
        )
    return given


@pytest.fixture
def computed(tmp_path, monkeypatch):
    """Slow the blocks down and log them: file name and first voxel of each, as it is begun."""
    log = tmp_path / "log"
    log.touch()

    def slowly(plan, bold, block):
        with log.open("a") as lines:
            lines.write(f"{bold.name} {block.start}\n")
        time.sleep(0.05)
        return scaling.score_block(plan, bold, block)

    monkeypatch.setattr(scaling, "score_block", slowly)
    return lambda: log.read_text().splitlines()


def when_some_are_done(monkeypatch, act, n_done=5):
    """Call a function in the middle of the work, between two results."""

    def bar(results, **_):
        for n, result in enumerate(results):
            if n == n_done:
                act()
            yield result

    monkeypatch.setattr(scaling, "tqdm", bar)


def in_one_process(given):
    folder = given["folder"]
    return scaling.score_blocks(**given | {"folder": folder.with_name(f"{folder.name}-alone")})


def assert_as_in_one_process(results, subjects):
    for got, given in zip(results, subjects, strict=True):
        expected = in_one_process(given)
        np.testing.assert_allclose(got.scores, expected.scores, **EXACT)
        np.testing.assert_array_equal(got.best_alpha, expected.best_alpha)
        assert np.isfinite(got.scores).all()


def processes(client):
    return set(client.run(os.getpid).values())


def test_scores_are_those_of_one_process(client, subjects, computed):
    jobs = [scaling.prepare(**given) for given in subjects]
    assert_as_in_one_process(scaling.score_subjects(client, jobs), subjects)
    assert len(computed()) == len(set(computed())) == 2 * N_BLOCKS


@pytest.mark.parametrize("n_killed", [1, 2])
def test_a_killed_worker_costs_nothing_but_time(client, subjects, computed, monkeypatch, n_killed):
    client.wait_for_workers(2, timeout=120)
    killed, begun = sorted(processes(client))[:n_killed], []

    def kill():
        begun.extend(computed())
        for process in killed:
            psutil.Process(process).kill()

    when_some_are_done(monkeypatch, kill)
    jobs = [scaling.prepare(**given) for given in subjects]
    results = scaling.score_subjects(client, jobs)
    assert len(begun) < 2 * N_BLOCKS
    assert len(set(computed())) == 2 * N_BLOCKS
    assert_as_in_one_process(results, subjects)
    client.wait_for_workers(2, timeout=120)
    assert not set(killed) & processes(client)


def test_an_interrupted_run_continues_and_computes_nothing_twice(
    client, subjects, computed, monkeypatch
):
    def interrupt():
        raise KeyboardInterrupt

    jobs = [scaling.prepare(**given) for given in subjects]
    with monkeypatch.context() as patch:
        when_some_are_done(patch, interrupt)
        with pytest.raises(KeyboardInterrupt):
            scaling.score_subjects(client, jobs)
    left = {f"{job.bold.name} {block.start}" for job in jobs for block in job.store.to_do()}
    assert len(left) == 2 * N_BLOCKS - 5
    while any(client.processing().values()):
        time.sleep(0.05)
    begun = len(computed())
    assert begun < 2 * N_BLOCKS  # the rest, which nobody waited for, was called off
    jobs = [scaling.prepare(**given) for given in subjects]
    assert_as_in_one_process(scaling.score_subjects(client, jobs), subjects)
    assert sorted(computed()[begun:]) == sorted(left)
    scaling.score_subjects(client, jobs)
    assert len(computed()) == begun + len(left)


def test_a_run_begun_in_one_process_is_continued_by_workers(client, subjects, computed):
    given = subjects[0]
    job = scaling.prepare(**given)
    for block in job.store.blocks()[:7]:
        job.store.write(block, scaling.score_block(scaling.plan_of(job), job.bold, block))
    assert_as_in_one_process(scaling.score_subjects(client, [job]), [given])
    assert len(computed()) == N_BLOCKS - 7


def test_a_value_that_is_no_number_ends_the_work_and_keeps_what_is_done(client, subjects, computed):
    Y = np.load(subjects[1]["bold"])
    Y[3, 50] = np.nan
    np.save(subjects[1]["bold"], Y)
    jobs = [scaling.prepare(**given) for given in subjects]
    with pytest.raises(ValueError, match=r"bold-1\.npy, columns 48 to 53, .*row 3, column 50\."):
        scaling.score_subjects(client, jobs)
    done = np.load(jobs[0].store.folder / "done.npy")
    expected = in_one_process(subjects[0]).scores
    assert done.any()
    kept = np.repeat(done, 6)
    np.testing.assert_allclose(jobs[0].store.scores()[:, kept], expected[:, kept], **EXACT)


def test_no_subjects_are_no_work(client):
    assert scaling.score_subjects(client, []) == []


# ---- without Dask, and without a word

QUIET = """
import os, sys
import numpy as np, psutil
from helpers import scaling

if __name__ == "__main__":
    folder = sys.argv[1]
    X = np.random.default_rng(0).normal(size=(60, 3))
    scaling.simulate_bold(folder + "/bold.npy", X, 200)
    job = scaling.prepare(
        folder + "/scores", X, folder + "/bold.npy", np.arange(60) // 10, [1.0], 3, block=5
    )
    with scaling.local_client(2) as client:
        scaling.score_subjects(client, [])
        psutil.Process(min(client.run(os.getpid).values())).kill()
        scaling.score_subjects(client, [job])
    print(len(job.store.to_do()))
"""


def test_nothing_goes_to_stderr_even_when_a_worker_is_killed(tmp_path):
    pytest.importorskip("dask", reason=NO_DASK)
    program = tmp_path / "program.py"
    program.write_text(QUIET)
    environment = os.environ | {"TQDM_DISABLE": "1"}
    command = [sys.executable, "-W", "error", str(program), str(tmp_path)]
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # then another program has it, which is as good
            taken.bind(("127.0.0.1", 8787))  # Dask's usual port, and RStudio's
            taken.listen()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("0\n", "", 0)


def test_without_dask_a_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    monkeypatch.delitem(sys.modules, "helpers.scaling")
    without = importlib.import_module("helpers.scaling")
    message = r'Dask is not installed.*python -m pip install "dask\[distributed\]"'
    with pytest.raises(ImportError, match=message.replace(".*", r"[\s\S]*")):
        without.score_subjects(None, [])
    with pytest.raises(ImportError, match="Dask is not installed"), without.local_client():
        pass
