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
HANG = 600  # seconds: ends what would never end, and says nothing about speed


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
        scaling.simulate_bold(tmp_path / f"bold-{seed}.npy", X, 60, random_state=seed)
        given.append(
            {
                "folder": tmp_path / f"scores-{seed}",
                "X": X,
                "bold": tmp_path / f"bold-{seed}.npy",
                "groups": np.repeat(np.arange(n_runs), 20),
                "alphas": (1.0, 100.0),
                "cv": 3 + seed,
                "block": 6,
                "dtype": np.float64,
            }
        )
    return given


@pytest.fixture
def expected(subjects):
    """Score the same in one process."""
    return [
        scaling.score_blocks(**given | {"folder": given["folder"].with_suffix(".alone")})
        for given in subjects
    ]


@pytest.fixture
def computed(tmp_path, monkeypatch, expected):
    """Log the blocks: file name and first voxel of each, as it is begun."""
    log = tmp_path / "log"
    log.touch()
    score_block = scaling.score_block

    def logged(plan, bold, block):
        with log.open("a") as lines:
            lines.write(f"{bold.name} {block.start}\n")
        return score_block(plan, bold, block)

    monkeypatch.setattr(scaling, "score_block", logged)
    return lambda: log.read_text().splitlines()


@pytest.fixture
def when_five_are_done(tmp_path, monkeypatch, computed):
    """Return a context that has a function called in the middle of the work: after five results.

    The sixth block brings it about. Those begun after it wait, so that there is a rest.
    """
    end_of_wait, logged = tmp_path / "end-of-wait", scaling.score_block

    def held(plan, bold, block):
        scores = logged(plan, bold, block)
        place = (tmp_path / "log").read_text().splitlines().index(f"{bold.name} {block.start}")
        while place > 5 and not end_of_wait.exists():
            time.sleep(0.01)
        return scores

    @contextlib.contextmanager
    def when_five_are_done(act):
        def bar(results, **_):
            for n, result in enumerate(results):
                if n == 5:
                    act()
                yield result

        with monkeypatch.context() as patch:
            patch.setattr(scaling, "score_block", held)
            patch.setattr(scaling, "tqdm", bar)
            yield end_of_wait.touch

    return when_five_are_done


def assert_equal(results, expected):
    for got, alone in zip(results, expected, strict=True):
        np.testing.assert_allclose(got.scores, alone.scores, **EXACT)
        np.testing.assert_array_equal(got.best_alpha, alone.best_alpha)
        assert np.isfinite(got.scores).all()


def processes(client):
    return set(client.run(os.getpid).values())


def test_scores_are_those_of_one_process(client, subjects, expected, computed):
    jobs = [scaling.prepare(**given) for given in subjects]
    assert_equal(scaling.score_subjects(client, jobs), expected)
    assert len(computed()) == len(set(computed())) == 2 * N_BLOCKS


@pytest.mark.slow
@pytest.mark.parametrize("n_killed", [1, 2])
def test_a_killed_worker_costs_nothing_but_time(
    client, subjects, expected, computed, when_five_are_done, n_killed
):
    client.wait_for_workers(2, timeout=HANG)
    killed, begun = sorted(processes(client))[:n_killed], []

    def kill():
        begun.extend(computed())
        for process in killed:
            psutil.Process(process).kill()
        end_wait()

    jobs = [scaling.prepare(**given) for given in subjects]
    with when_five_are_done(kill) as end_wait:
        results = scaling.score_subjects(client, jobs)
    assert len(begun) < 2 * N_BLOCKS
    assert len(set(computed())) == 2 * N_BLOCKS
    assert_equal(results, expected)
    client.wait_for_workers(2, timeout=HANG)
    assert not set(killed) & processes(client)


def test_an_interrupted_run_continues_and_computes_nothing_twice(
    client, subjects, expected, computed, when_five_are_done
):
    def interrupt():
        raise KeyboardInterrupt

    jobs = [scaling.prepare(**given) for given in subjects]
    with when_five_are_done(interrupt) as end_wait, pytest.raises(KeyboardInterrupt):
        scaling.score_subjects(client, jobs)
    left = {f"{job.bold.name} {block.start}" for job in jobs for block in job.store.to_do()}
    assert len(left) == 2 * N_BLOCKS - 5
    while any(client.processing().values()):  # until the rest, which nobody waits for, is off
        time.sleep(0.01)
    end_wait()
    while any(client.run(lambda dask_worker: dask_worker.state.executing_count).values()):
        time.sleep(0.01)
    begun = len(computed())
    assert begun <= 6 + 2  # and one for each worker
    jobs = [scaling.prepare(**given) for given in subjects]
    assert_equal(scaling.score_subjects(client, jobs), expected)
    assert sorted(computed()[begun:]) == sorted(left)
    scaling.score_subjects(client, jobs)
    assert len(computed()) == begun + len(left)


def test_a_run_begun_in_one_process_is_continued_by_workers(client, subjects, expected, computed):
    job = scaling.prepare(**subjects[0])
    for block in job.store.blocks()[:7]:
        job.store.write(block, scaling.score_block(scaling.plan_of(job), job.bold, block))
    begun = len(computed())
    assert_equal(scaling.score_subjects(client, [job]), expected[:1])
    assert len(computed()) == begun + N_BLOCKS - 7


def test_a_value_that_is_no_number_ends_the_work_and_keeps_what_is_done(
    client, subjects, expected, computed
):
    Y = np.load(subjects[1]["bold"])
    Y[3, 50] = np.nan
    np.save(subjects[1]["bold"], Y)
    jobs = [scaling.prepare(**given) for given in subjects]
    with pytest.raises(ValueError, match=r"bold-1\.npy, columns 48 to 53, .*row 3, column 50\."):
        scaling.score_subjects(client, jobs)
    kept = [np.repeat(np.load(job.store.folder / "done.npy"), 6) for job in jobs]
    assert np.any(kept)
    for job, done, alone in zip(jobs, kept, expected, strict=True):
        np.testing.assert_allclose(job.store.scores()[:, done], alone.scores[:, done], **EXACT)


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
    runs = np.arange(60) // 10
    job = scaling.prepare(folder + "/scores", X, folder + "/bold.npy", runs, [1.0], 3, block=5)
    with scaling.local_client(2) as client:
        scaling.score_subjects(client, [])
        psutil.Process(min(client.run(os.getpid).values())).kill()
        scaling.score_subjects(client, [job])
    print(len(job.store.to_do()))
"""


@pytest.mark.slow
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
