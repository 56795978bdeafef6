"""Blocks of voxels on several threads."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from helpers._engine.threads import for_blocks, on_threads


def threads_of_products():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_each_voxel_gets_one_block():
    seen = []
    for_blocks(seen.append, 11, 4)
    parts = sorted((block.start, block.stop) for block in seen)
    assert [voxel for start, stop in parts for voxel in range(11)[start:stop]] == list(range(11))


def test_results_come_in_the_order_of_the_items():
    def work(item):
        threading.Event().wait(0.01 * (item % 3 == 0))  # the first of three is the last to finish
        return -item

    assert on_threads(work, range(12)) == [-item for item in range(12)]


def test_an_error_reaches_the_caller_and_stops_the_others():
    calls = []

    def work(block):
        calls.append(block.start)
        if block.start == 0:
            raise KeyError("the first block")
        threading.Event().wait(0.01)

    with pytest.raises(KeyError, match="the first block"):
        for_blocks(work, 1000, 1)
    assert len(calls) < 100


def test_products_get_one_thread_and_blocks_as_many_as_the_caller_allows():
    names, inside = set(), set()

    def work(block):
        names.add(threading.get_ident())
        inside.update(threads_of_products())
        threading.Event().wait(0.01)

    assert np.ones((2, 2)).dot(np.ones(2)).sum() == 4  # the library for matrix products is there
    with threadpool_limits(3):
        for_blocks(work, 30, 1)
        assert threads_of_products() == {3}
    assert inside == {1}
    assert len(names) == 3
