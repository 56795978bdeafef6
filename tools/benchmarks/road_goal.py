"""From files on disk to the stacked array: the book's loader against nilearn's masker."""

import gzip
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
from nilearn.maskers import MultiNiftiMasker

from benchmarks.rows import limit_row, ratio_row
from benchmarks.timing import compare
from helpers import data

N_JOBS = 2
SHIFT = 2
DETAILS = {"dtype": "float32", "threads": N_JOBS}


def measure(setting):
    """Measure the goals of loading. The files were read before, so no disk is waited for.

    Parameters
    ----------
    setting : Setting

    Returns
    -------
    ratios, limits : list of dict
    """
    dataset = data.load("twin")
    files = dataset.func[data.KINDS["random"]]

    def first_load():
        with TemporaryDirectory() as empty, patch.dict(os.environ, BOOK_DATA_DIR=empty):
            return data.recording(dataset, shift=SHIFT).bold

    def masker():
        return _stack_with_masker(dataset.mask, files)

    first_load(), masker()
    n_runs = setting.repeat(5)
    ours, theirs = compare(first_load, masker, n_runs=n_runs)
    ratio = ratio_row(
        "road",
        "loading: from files to the stacked array",
        f"MultiNiftiMasker(n_jobs={N_JOBS}), then stacking",
        ours.seconds,
        theirs.seconds,
        goal=2,
        agreement=("largest difference of a value", float(abs(ours.result - theirs.result).max())),
        n_runs=n_runs,
        **DETAILS,
        note="Our side also checks the files, reads the stimuli and writes the cache.",
    )
    return [ratio], [_second_load(setting, dataset), _unpack(setting, files)]


def _stack_with_masker(mask, files):
    """Do what the example does, with two processes."""
    masker = MultiNiftiMasker(
        mask_img=mask, detrend=True, standardize="zscore_sample", n_jobs=N_JOBS
    )
    return np.vstack([run[SHIFT:] for run in masker.fit().transform(files)])


def _second_load(setting, dataset):
    n_runs = setting.repeat(7)
    with TemporaryDirectory() as folder, patch.dict(os.environ, BOOK_DATA_DIR=folder):
        data.recording(dataset)
        (second,) = compare(lambda: data.recording(dataset), n_runs=n_runs)
    return limit_row(
        "road-second-load",
        "loading: again, from the cache",
        second.seconds,
        "s",
        limit=0.3,
        n_runs=n_runs,
        **DETAILS,
    )


def _unpack(setting, files):
    def unpack():
        return sum(len(gzip.decompress(Path(file).read_bytes())) for file in files)

    n_runs = setting.repeat(5)
    (unpacked,) = compare(unpack, n_runs=n_runs)
    return limit_row(
        "road-unpack",
        "loading: unpacking the files' bytes alone, one file after the other",
        unpacked.seconds,
        "s",
        n_runs=n_runs,
        dtype="bytes",
        threads=1,
        note=f"{unpacked.result / 1e6:.0f} MB",
    )
