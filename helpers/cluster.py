"""Whole-brain scores of many subjects, on the computers that Dask gives access to.

The work is that of `helpers.whole_brain`: a block of voxels of one subject is one task. A task is
told a file name and a block, reads its responses itself, and sends back its scores, which this
process writes to the subject's folder. So an interrupted call continues where it stopped.

Workers need the same helpers installed, and must see the files under the same names.
"""

import logging
from contextlib import contextmanager

from tqdm import tqdm

from helpers.whole_brain import collect, plan_of, score_block

MISSING = (
    "Dask is not installed, and helpers.cluster hands work to it. Install it with\n"
    '    python -m pip install "dask[distributed]"\n'
    "or score one subject after the other with helpers.whole_brain.score_blocks."
)


def score_subjects(client, jobs):
    """Score the voxels of many subjects as `helpers.whole_brain.score_blocks` does.

    When a worker dies, Dask gives its block to another one. A block whose workers died four times
    is given up; most likely they had too little memory.

    Parameters
    ----------
    client : dask.distributed.Client
        Of a cluster on this computer (`local_client`) or on any other.
    jobs : sequence of helpers.whole_brain.Job
        One a subject, from `helpers.whole_brain.prepare`.

    Returns
    -------
    list of helpers.whole_brain.BlockScores
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
