"""Work on several threads at once."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from math import ceil

import numpy as np
from threadpoolctl import ThreadpoolController


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
    with products.limit(limits=1), ThreadPoolExecutor(cores) as pool:
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
