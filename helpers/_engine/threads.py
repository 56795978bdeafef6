"""Work on several threads at once."""

import sys
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from math import ceil

import numpy as np
from threadpoolctl import ThreadpoolController


class InTurn(Executor):
    """An executor without threads, which does what it is given at once.

    Parameters
    ----------
    max_workers : int, optional
        As for other executors; of no effect.
    """

    def __init__(self, max_workers=None):
        pass

    def submit(self, work, /, *args, **kwargs):
        """Call a function.

        Parameters
        ----------
        work : callable
        *args, **kwargs
            What it is called with.

        Returns
        -------
        concurrent.futures.Future
            Done, with the function's result or its error.
        """
        future = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def map(self, work, *iterables, timeout=None, chunksize=1, buffersize=None):
        """Call a function on item after item, each when its result is asked for.

        Parameters
        ----------
        work : callable
        *iterables : iterable
        timeout, chunksize, buffersize
            As for other executors; of no effect.

        Returns
        -------
        iterator
        """
        return map(work, *iterables)


# Python in a browser has one core and no threads.
Threads = InTurn if sys.platform in ("emscripten", "wasi") else ThreadPoolExecutor


def on_threads(work, items):
    """Call a function on each item, one thread a core.

    NumPy lets other threads run while it computes. Each matrix product gets one thread, so that
    results do not depend on the number of cores. Even a single short product belongs here when
    more work follows: on all cores, it would leave threads that keep them busy for some time.

    Parameters
    ----------
    work : callable
    items : iterable

    Returns
    -------
    list
        What the function returned, in the order of the items.
    """
    products = _matrix_products()
    # What the matrix products would take: it follows OMP_NUM_THREADS and the like.
    cores = max((library["num_threads"] for library in products.info()), default=1)
    with products.limit(limits=1), Threads(cores) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        finally:
            pool.shutdown(cancel_futures=True)  # after an error, nobody waits for the others


@cache  # finding the libraries takes longer than many a block
def _matrix_products():
    """Find the libraries that compute NumPy's matrix products."""
    return ThreadpoolController().select(user_api="blas")


def for_blocks(work, n_voxels, size):
    """Call a function on block after block of voxels, one thread a core.

    A thread that takes a block through all steps finds its numbers in the core's own memory, which
    is faster than one step at a time over all voxels on all cores.

    Parameters
    ----------
    work : callable
        Called with a slice of voxels; its result is not used.
    n_voxels : int
    size : int
        Most voxels of a block. The blocks are even in size and in number: else one core would
        wait for the other at the end.
    """
    n_blocks = min(2 * ceil(n_voxels / (2 * size)), n_voxels)
    edges = np.linspace(0, n_voxels, n_blocks + 1).astype(int).tolist()
    on_threads(work, [slice(*pair) for pair in pairwise(edges)])
