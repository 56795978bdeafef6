"""Ridge scores for more voxels than fit into memory, from a file, block by block.

The features' side of the cross-validation is prepared once (`helpers.held_out`). Then each block
of voxels passes through memory on its own, and its scores go to a folder that outlives a kill
(`helpers.block_store`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from helpers import held_out
from helpers.block_store import Store, open_store
from helpers.bold_files import PRECISIONS, describe_bold, open_bold, read_block
from helpers.checks import check_penalties, check_table
from helpers.constant_voxels import warn_constant
from helpers.folds import check_several_runs, run_folds


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


def score_blocks(folder, X, bold, runs, alphas, n_folds=10, block=4096, dtype=np.float32):
    """Score ridge regression as `helpers.ridge.cross_validate` does, block by block.

    Memory holds one block of responses, however many voxels there are. After an interruption the
    same call continues where the last one stopped; when all is done, it returns at once.

    Parameters
    ----------
    folder, X, bold, runs, alphas, n_folds, block, dtype
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
    job = prepare(folder, X, bold, runs, alphas, n_folds, block, dtype)
    to_do, n_blocks = job.store.to_do(), len(job.store.blocks())
    plan = plan_of(job) if to_do else None
    for part in tqdm(to_do, total=n_blocks, initial=n_blocks - len(to_do), unit="block"):
        job.store.write(part, score_block(plan, job.bold, part))
    return collect(job)


def prepare(folder, X, bold, runs, alphas, n_folds=10, block=4096, dtype=np.float32):
    """Check the inputs of a recording, and open the folder for its scores.

    Parameters
    ----------
    folder : path-like
        Where the scores go: a new or empty folder, or one that a call with the same inputs has
        begun. One process at a time may work on it.
    X : array_like, shape (n_samples, n_features)
        Features, for example pixels. The folder keeps a copy.
    bold : path-like
        A .npy file of float32 or float64, shape (n_samples, n_voxels): the responses. Once it
        is saved anew it counts as another input.
    runs : array_like, shape (n_samples,)
        The run that each sample belongs to.
    alphas : sequence of float
        Penalties, above zero.
    n_folds : int
        Folds of whole runs.
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
    if np.dtype(dtype) not in PRECISIONS:
        raise ValueError(f"dtype is {np.dtype(dtype)}; expected numpy.float32 or numpy.float64.")
    inputs = {
        "X": X,
        "runs": check_several_runs(runs, len(X)),
        "alphas": np.atleast_1d(check_penalties(alphas)),
        "n_folds": n_folds,
        "block": block,
        "dtype": np.dtype(dtype).name,
        "bold": describe_bold(bold),
    }
    run_folds(inputs["runs"], n_folds)  # raises if there are too few runs
    shape = (len(inputs["alphas"]), n_voxels)
    return Job(bold, open_store(folder, inputs, shape, block, dtype))


def plan_of(job):
    """Prepare the features' side of a job, from the inputs in its folder.

    Parameters
    ----------
    job : Job

    Returns
    -------
    helpers.held_out.Plan
    """
    given = job.store.inputs()
    n_folds, dtype = int(given["n_folds"]), str(given["dtype"])
    return held_out.make_plan(given["X"], given["runs"], given["alphas"], n_folds, dtype)


def score_block(plan, bold, block):
    """Score one block of voxels.

    Parameters
    ----------
    plan : helpers.held_out.Plan
    bold : path-like
    block : slice

    Returns
    -------
    ndarray, shape (n_alphas, n_voxels of the block)
        Mean R2 over the folds.
    """
    return held_out.score(plan, read_block(bold, block)).mean(axis=1)


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
    """
    alphas, scores = job.store.inputs()["alphas"], job.store.scores()
    constant = np.isnan(scores[0])
    warn_constant(constant, f"over at least one fold of {job.bold}", "Their scores are NaN")
    best_alpha = np.where(constant, np.nan, alphas[scores.argmax(axis=0)])
    return BlockScores(alphas, scores, best_alpha)
