"""Ridge scores for more voxels than fit into memory, block by block, and for many subjects.

The features' side of the cross-validation is prepared once. Then each block of voxels passes
through memory on its own, and its scores go to a folder that outlives a kill. On the computers that
Dask gives access to, a block of voxels of one subject is one task.
"""

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from helpers._engine.folds import tabulate
from helpers._engine.penalties import at_ends, freedom, warn_ends
from helpers._engine.ridge import make_plan
from helpers._engine.validation import check_dtype, check_penalties, check_table, warn_constant
from helpers._files.bold import describe_bold, open_bold, read_block
from helpers._files.store import Store, open_store

__all__ = [
    "BlockScores",
    "Job",
    "collect",
    "local_client",
    "plan_of",
    "prepare",
    "score_block",
    "score_blocks",
    "score_subjects",
    "simulate_bold",
]


@dataclass(frozen=True, eq=False)
class BlockScores:
    """Scores of cross-validated ridge regression, averaged over the folds.

    Attributes
    ----------
    alphas : ndarray, shape (n_alphas,)
        The penalties.
    scores : memory-mapped ndarray, shape (n_alphas, n_voxels)
        Mean R2 over the held-out folds. NaN where a voxel is constant over a fold.
    best_alpha : ndarray, shape (n_voxels,)
        The penalty with the largest score; NaN where scores are NaN.
    """

    alphas: np.ndarray
    scores: np.ndarray
    best_alpha: np.ndarray


@dataclass(frozen=True)
class Job:
    """One recording to score: the file of its responses, and the folder of its scores."""

    bold: Path
    store: Store


def score_blocks(folder, X, bold, groups, alphas, cv=10, block=4096, dtype=np.float32):
    """Score ridge regression as `helpers.ridge.RidgeCV` does, block by block.

    Memory holds one block of responses, however many voxels there are. After an interruption the
    same call continues where the last one stopped; when all is done, it scores nothing. Each call
    reads the file once more, to see whether it holds the same responses.

    Parameters
    ----------
    folder, X, bold, groups, alphas, cv, block, dtype
        As for `prepare`.

    Returns
    -------
    BlockScores

    Raises
    ------
    ValueError
        As `prepare`, and for NaN or infinite values in the file.
    DataError
        As `prepare`.

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant over a fold. Their scores are NaN.
    """
    job = prepare(folder, X, bold, groups, alphas, cv, block, dtype)
    to_do, n_blocks = job.store.to_do(), len(job.store.blocks())
    plan = plan_of(job) if to_do else None
    for part in tqdm(to_do, total=n_blocks, initial=n_blocks - len(to_do), unit="block"):
        job.store.write(part, score_block(plan, job.bold, part))
    return collect(job)


def prepare(folder, X, bold, groups, alphas, cv=10, block=4096, dtype=np.float32):
    """Check the inputs of a recording, and open the folder for its scores.

    Parameters
    ----------
    folder : path-like
        Where the scores go: a new or empty folder, or one that a call with the same inputs has
        begun. One process at a time may work on it.
    X : array_like, shape (n_samples, n_features)
        Features, for example pixels. The folder keeps a copy.
    bold : path-like
        A .npy file of float32 or float64, shape (n_samples, n_voxels): the responses. The folder
        keeps its checksum: a copy of it is the same input, and a changed file is another. Leave
        it alone while it is scored.
    groups : array_like, shape (n_samples,)
        The run that each sample belongs to.
    alphas : sequence of float
        Penalties, above zero.
    cv : int, splitter or iterable of (train, test)
        As for `helpers.ridge.RidgeCV`. The folder keeps the splits.
    block : int
        Voxels in memory at a time.
    dtype : {numpy.float32, numpy.float64}
        Precision of sums and scores.

    Returns
    -------
    Job

    Raises
    ------
    ValueError
        For input that does not fit together, or a folder that holds something else.
    DataError
        If a file cannot be read.
    """
    X, bold = check_table("X", X), Path(bold).resolve()
    n_samples, n_voxels = open_bold(bold).shape
    if len(X) != n_samples:
        raise ValueError(
            f"X has {len(X)} samples and {bold} has {n_samples}; expected one row of X for each "
            "row of the file. Check that both were shifted and stacked over the same runs."
        )
    if not isinstance(block, int | np.integer) or block < 1:
        raise ValueError(f"block is {block}; expected a whole number of voxels from 1 up.")
    dtype = check_dtype(dtype)
    inputs = {
        "X": X,
        "splits": tabulate(cv, X, groups=groups),
        "alphas": np.atleast_1d(check_penalties(alphas)),
        "block": block,
        "dtype": dtype.name,
        "bold": describe_bold(bold),
    }
    shape = (len(inputs["alphas"]), n_voxels)
    return Job(bold, open_store(folder, inputs, shape, block, dtype))


def plan_of(job):
    """Prepare the features' side of a job, from the inputs in its folder.

    Parameters
    ----------
    job : Job

    Returns
    -------
    helpers._engine.ridge.SumsPlan or helpers._engine.kernel.KernelPlan
    """
    given = job.store.inputs()
    return make_plan(given["X"], given["splits"], given["alphas"], np.dtype(str(given["dtype"])))


def score_block(plan, bold, block):
    """Score one block of voxels.

    Parameters
    ----------
    plan : helpers._engine.ridge.SumsPlan or helpers._engine.kernel.KernelPlan
    bold : path-like
    block : slice

    Returns
    -------
    ndarray, shape (n_alphas, n_voxels of the block)
        Mean R2 over the folds.
    """
    return plan.score(read_block(bold, block)).mean(axis=1)


def collect(job):
    """Put the scores of a job together, once all of its blocks are done.

    Parameters
    ----------
    job : Job

    Returns
    -------
    BlockScores

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant over a fold.
    PenaltyWarning
        If penalties beyond the ends of the grid would be better, as `helpers.ridge.RidgeCV.fit`.
    """
    inputs, scores = job.store.inputs(), job.store.scores()
    alphas = inputs["alphas"]
    constant = np.isnan(scores[0])
    warn_constant(constant, f"over at least one fold of {job.bold}", "Their scores are NaN")
    warn_ends(alphas, *at_ends(alphas, scores, freedom(inputs["X"], alphas.max())))
    best_alpha = np.where(constant, np.nan, alphas[scores.argmax(axis=0)])
    return BlockScores(alphas, scores, best_alpha)


BLOCK = 4096  # voxels written at a time by `simulate_bold`
MISSING = (
    "Dask is not installed, and helpers.scaling hands work to it. Install it with\n"
    '    python -m pip install "dask[distributed]"\n'
    "or score one subject after the other with helpers.scaling.score_blocks."
)


def score_subjects(client, jobs):
    """Score the voxels of many subjects as `helpers.scaling.score_blocks` does.

    When a worker dies, Dask gives its block to another one. A block whose workers died four times
    is given up; most likely they had too little memory.

    Parameters
    ----------
    client : dask.distributed.Client
        Of a cluster on this computer (`local_client`) or on any other.
    jobs : sequence of helpers.scaling.Job
        One a subject, from `helpers.scaling.prepare`.

    Returns
    -------
    list of helpers.scaling.BlockScores
        One a subject, in the order of the jobs.

    Raises
    ------
    ImportError
        If Dask is not installed.
    ValueError
        If a file holds NaN or infinite values. What is done until then is kept.

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant over a fold. Their scores are NaN.
    """
    dask = _dask()
    blocks = {}
    for job in jobs:
        blocks |= _submit(client, job)
    done = dask.distributed.as_completed(blocks, with_results=True)
    try:
        for future, scores in tqdm(done, total=len(blocks), unit="block"):
            store, block = blocks.pop(future)
            store.write(block, scores)
    finally:
        client.cancel(list(blocks))  # after an error or an interrupt, nobody waits for these
    return [collect(job) for job in jobs]


def _submit(client, job):
    """Hand out the blocks of a job that are left, {future: (store, block)}."""
    to_do = job.store.to_do()
    if not to_do:
        return {}
    # Sent as a task, not as data: if the worker that holds the plan dies, another makes it anew.
    plan = client.submit(plan_of, job, pure=False)
    n = len(to_do)
    futures = client.map(score_block, [plan] * n, [job.bold] * n, to_do, pure=False)
    return {future: (job.store, block) for future, block in zip(futures, to_do, strict=True)}


@contextmanager
def local_client(n_workers=2):
    """Start workers on this computer, each a process of its own with one thread.

    Parameters
    ----------
    n_workers : int

    Yields
    ------
    dask.distributed.Client
        The workers end with the ``with`` block.

    Raises
    ------
    ImportError
        If Dask is not installed.
    """
    dask = _dask()
    settings = {
        # Else a worker that needs more than 15 s to start again after a kill is never seen again,
        "distributed.deploy.lost-worker-timeout": "1 hour",
        # and workers return the memory of each array to the system, which takes half again as long.
        "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    }
    with (
        dask.config.set(settings),
        dask.distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",  # any free port, seen from this computer only
            silence_logs=logging.ERROR,  # that a worker died and was replaced is no error
        ) as cluster,
        dask.distributed.Client(cluster) as client,
    ):
        yield client


def _dask():
    try:
        import dask.distributed
    except ImportError as error:
        raise ImportError(MISSING) from error
    return dask


def simulate_bold(bold, X, n_voxels, *, random_state=0):
    """Write responses that depend on features, for any number of voxels.

    A voxel's response is a random mixture of the features plus noise. Its share of variance due to
    the features lies between 0 and 1/2, and differs from voxel to voxel.

    Parameters
    ----------
    bold : path-like
        The .npy file to write, float32, with the samples of a voxel next to one another.
    X : array_like, shape (n_samples, n_features)
        Features with a variance of about 1.
    n_voxels : int
    random_state : int
        The same number gives the same file.
    """
    X = np.asarray(X, dtype=np.float32)
    bold = Path(bold)
    part = bold.with_name(bold.name + ".part")
    shape = (len(X), n_voxels)
    np.lib.format.open_memmap(part, "w+", np.float32, shape, fortran_order=True)
    for start in range(0, n_voxels, BLOCK):
        random = np.random.default_rng([random_state, start])
        n = min(BLOCK, n_voxels - start)
        weights = random.normal(size=(X.shape[1], n)) * random.random(n) / np.sqrt(X.shape[1])
        noise = random.standard_normal((len(X), n), dtype=np.float32)
        responses = X @ weights.astype(np.float32) + noise
        np.load(part, mmap_mode="r+")[:, start : start + n] = responses
    part.replace(bold)
