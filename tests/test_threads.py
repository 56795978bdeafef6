"""Blocks of voxels on several threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from helpers._engine import threads
from helpers._engine.threads import for_blocks, on_threads

HANG = 600  # seconds: ends what would never end, and says nothing about speed


def threads_of_products():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_each_voxel_gets_one_block():
    seen = []
    for_blocks(seen.append, 11, 4)
    parts = sorted((block.start, block.stop) for block in seen)
    assert [voxel for start, stop in parts for voxel in range(11)[start:stop]] == list(range(11))


def test_results_come_in_the_order_of_the_items():
    second_is_done = threading.Event()

    def work(item):
        if item == 0:  # the first to begin and not the first to finish
            assert second_is_done.wait(HANG)
        if item == 1:
            second_is_done.set()
        return -item

    with threadpool_limits(2):
        assert on_threads(work, range(12)) == [-item for item in range(12)]


def test_an_error_reaches_the_caller_and_stops_the_others(monkeypatch):
    """Blocks that are not begun when the error reaches the caller are called off."""
    calls, called_off = [], threading.Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait=True, **options):
            super().shutdown(wait=False, **options)
            called_off.set()
            super().shutdown(wait)

    def work(block):
        calls.append(block.start)
        if block.start == 0:
            raise KeyError("the first block")
        assert called_off.wait(HANG)

    monkeypatch.setattr(threads, "Threads", Pool)
    with threadpool_limits(2), pytest.raises(KeyError, match="the first block"):
        for_blocks(work, 1000, 1)
    assert set(calls) <= {0, 1, 2}  # two threads, and the first went on to a block after its error


def test_products_get_one_thread_and_blocks_as_many_as_the_caller_allows():
    names, inside = set(), set()
    three_are_here = threading.Barrier(3, timeout=HANG)

    def work(block):
        names.add(threading.get_ident())
        inside.update(threads_of_products())
        three_are_here.wait()

    assert np.ones((2, 2)).dot(np.ones(2)).sum() == 4  # the library for matrix products is there
    with threadpool_limits(3):
        for_blocks(work, 30, 1)
        assert threads_of_products() == {3}
    assert inside == {1}
    assert len(names) == 3


# ---- without threads, as in a browser


def in_turn(monkeypatch):
    """Use what takes the place of threads, and count the items whose work has begun."""
    monkeypatch.setattr(threads, "Threads", threads.InTurn)
    monkeypatch.setattr(threading.Thread, "start", lambda self: pytest.fail("a thread"))


def test_without_threads_results_and_errors_are_the_same(monkeypatch):
    in_turn(monkeypatch)
    assert on_threads(lambda item: item**2, range(5)) == [0, 1, 4, 9, 16]
    with pytest.raises(KeyError, match="the second"):
        on_threads(
            lambda item: {0: "the first"}[item] if item < 1 else 1 / {}["the second"], [0, 1]
        )


def test_without_threads_map_takes_an_item_when_it_is_asked_for():
    taken = []
    results = threads.InTurn(2).map(lambda item: taken.append(item) or -item, range(3))
    assert taken == []
    assert next(results) == 0 and taken == [0]
    assert list(results) == [-1, -2]
