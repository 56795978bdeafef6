"""Results that grow block by block in a folder, and outlive a kill at any moment.

The folder holds three files, written in this order:

- ``inputs.npz``: what is scored. Work on other inputs is refused.
- ``scores.npy``: one column a voxel, NaN until the voxel's block is done.
- ``done.npy``: one byte a block, set when the block's scores have reached the disk.

A byte is either set or not. So the record is true whenever a process dies, and at most the block
in work is lost.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers._files import DataError

INPUTS, SCORES, DONE = "inputs.npz", "scores.npy", "done.npy"
PART = ".part"  # ends the name of a file that is being written


@dataclass(frozen=True)
class Store:
    """A folder of scores, made or found by `open_store`.

    Attributes
    ----------
    folder : Path
    n_voxels : int
    size : int
        Voxels of a block; the last one may have fewer.
    """

    folder: Path
    n_voxels: int
    size: int

    def blocks(self):
        """Return the slices of voxels, done or not."""
        starts = range(0, self.n_voxels, self.size)
        return [slice(start, min(start + self.size, self.n_voxels)) for start in starts]

    def to_do(self):
        """Return the slices of voxels that have no scores yet."""
        done = np.load(self.folder / DONE)
        return [block for block, is_done in zip(self.blocks(), done, strict=True) if not is_done]

    def write(self, block, scores):
        """Keep the scores of a block, (n_rows, n_voxels of the block), and call it done."""
        _change(self.folder / SCORES, (slice(None), block), scores)
        _change(self.folder / DONE, block.start // self.size, True)

    def scores(self):
        """Return all scores, (n_rows, n_voxels), memory-mapped."""
        return np.load(self.folder / SCORES, mmap_mode="r")

    def inputs(self):
        """Return what is scored, a dict of arrays."""
        with (self.folder / INPUTS).open("rb") as stream, np.load(stream) as stored:
            return dict(stored)


def open_store(folder, inputs, shape, size, dtype):
    """Make a folder for scores, or find what an earlier run has put there.

    Parameters
    ----------
    folder : path-like
        A new or empty folder, or one made with the same inputs. One process at a time.
    inputs : dict of arrays, numbers or strings
        All that the scores depend on.
    shape : tuple of int
        Of the scores, (n_rows, n_voxels).
    size : int
        Voxels of a block.
    dtype : dtype
        Of the scores.

    Returns
    -------
    Store

    Raises
    ------
    ValueError
        If the folder holds scores of other inputs, or anything else.
    DataError
        If its files are damaged.
    """
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(folder, shape[1], size)
    if not (folder / INPUTS).exists():
        _check_empty(folder)
        _write_whole(folder / INPUTS, np.savez, **inputs)
    _check_same(store, inputs)
    shapes = {SCORES: shape, DONE: (len(store.blocks()),)}
    if not (folder / DONE).exists():
        # Filled, so that a full disk is found out now.
        _write_whole(folder / SCORES, np.save, np.full(shapes[SCORES], np.nan, dtype))
        _write_whole(folder / DONE, np.save, np.zeros(shapes[DONE], dtype=bool))
    for name, shape in shapes.items():
        _check_shape(folder / name, shape)
    return store


def _change(path, where, values):
    """Change a part of an array in a file, and wait until the disk has it."""
    array = np.load(path, mmap_mode="r+")
    array[where] = values
    array.flush()


def _write_whole(path, save, *values, **named):
    """Write a file under another name first: it is there with all of its content, or not."""
    part = path.with_name(path.name + PART)
    with part.open("wb") as stream:
        save(stream, *values, **named)
    part.replace(path)


def _check_empty(folder):
    others = sorted(path.name for path in folder.iterdir() if path.name != INPUTS + PART)
    if others:
        raise ValueError(
            f"{folder} holds something other than scores of blocks ({others[0]}); expected a new "
            "or empty folder: name another one."
        )


def _check_same(store, inputs):
    """Raise ValueError where the folder's inputs are others, with both values if they are short."""
    try:
        stored = store.inputs()
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(store.folder / INPUTS, error) from None
    different = []
    for name, value in inputs.items():
        old, new = stored.get(name, np.array("missing")), np.asarray(value)
        if not np.array_equal(old, new):
            short = old.ndim == new.ndim == 0
            different.append(f"{name} ({old} there, {new} given)" if short else name)
    if different:
        raise ValueError(
            f"{store.folder} holds scores of other inputs; different: {', '.join(different)}. Give "
            "the same inputs again to continue, or name a new folder; the old one may be deleted."
        )


def _check_shape(path, expected):
    try:
        found = np.load(path, mmap_mode="r").shape
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path, error) from None
    if found != expected:
        raise _damaged(path, f"its shape is {found}, not {expected}")


def _damaged(path, reason):
    return DataError(
        f"{path} is damaged or missing ({reason}): delete the folder {path.parent} to compute its "
        "scores anew."
    )
