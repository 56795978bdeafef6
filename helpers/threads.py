"""Work on several threads at once."""

from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_info, threadpool_limits


def on_threads(work, items):
    """Call a function on each item, one thread a core.

    NumPy lets other threads run while it computes. Each matrix product gets one thread, so that
    results do not depend on the number of cores.

    Parameters
    ----------
    work : callable
    items : iterable

    Returns
    -------
    list
        What the function returned, in the order of the items.
    """
    # What the matrix products would take: it follows OMP_NUM_THREADS and the like.
    products = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    cores = max((pool["num_threads"] for pool in products), default=1)
    with threadpool_limits(1), ThreadPoolExecutor(cores) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        finally:
            pool.shutdown(cancel_futures=True)  # after an error, nobody waits for the others


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
        Voxels of a block.
    """
    on_threads(work, [slice(start, start + size) for start in range(0, n_voxels, size)])
