"""One page about a recording: what came in, what stands out, and what a model made of it."""

from textwrap import fill

import numpy as np

WIDTH = 88
COLUMNS_AT_ONCE = 1000  # layers of networks have many thousands


def report(recording, model=None):
    """Describe a recording, line by line.

    Parameters
    ----------
    recording : helpers.data.Recording
    model : estimator, optional
        A fitted `helpers.ridge.RidgeCV`, or one of its kind.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the model has no penalties, or was not fitted.
    """
    parts = [
        _measured(recording),
        _shown(recording),
        _standing_out(recording),
        [] if model is None else _penalties(model),
    ]
    lines = [f"{name + ':':<24}{value}" for part in parts for name, value in part]
    told = [fill(f"- {text}", WIDTH, subsequent_indent="  ") for text in recording.messages]
    return "\n".join([*lines, "", "Warnings:", *(told or ["none"])])


def _measured(recording):
    lengths = np.bincount(recording.runs)
    seconds = "unknown" if recording.t_r is None else f"{recording.t_r:g} s between volumes"
    yield "runs", f"{len(lengths)}, with {_range(lengths)} samples each"
    yield "TR", seconds
    yield "samples x voxels", f"{recording.bold.shape[0]} x {recording.bold.shape[1]}"


def _shown(recording):
    stimuli = recording.stimuli
    shape = (
        ""
        if recording.shape is None
        else f", images of {recording.shape[0]} x {recording.shape[1]}"
    )
    still = stimuli.max(axis=0) == stimuli.min(axis=0)
    yield "features", f"{stimuli.shape[1]}{shape}; {still.sum()} never change"
    yield "something shown in", f"{recording.is_on.mean():.0%} of the samples"
    if recording.blocks is not None:
        yield "events", f"{len(recording.blocks)}"
    if (~still).sum() > 1:
        first, second, r = _most_alike(stimuli[:, ~still])
        columns = np.flatnonzero(~still)[[first, second]]
        names = columns if recording.names is None else [recording.names[i] for i in columns]
        yield "design", f"features {names[0]} and {names[1]} are most alike, r = {r:.2f}"


def _most_alike(values):
    """Return two columns and their correlation, the largest of all; every column varies."""
    # In units of their own first, whose squares are neither 0 nor infinite.
    values = values / np.abs(values).max(axis=0)
    values -= values.mean(axis=0)
    values /= np.linalg.norm(values, axis=0)
    found = []
    for start in range(0, values.shape[1], COLUMNS_AT_ONCE):
        # Rounded, so that of pairs that are equally alike the first is named on all computers.
        together = np.round(values[:, start : start + COLUMNS_AT_ONCE].T @ values, 9)
        rows = np.arange(len(together))
        together[rows, start + rows] = 0
        first, second = np.unravel_index(np.abs(together).argmax(), together.shape)
        found.append((start + first, second, together[first, second]))
    first, second, r = max(found, key=lambda pair: abs(pair[2]))
    return min(first, second), max(first, second), r


def _standing_out(recording):
    if recording.constant is not None:
        either = recording.constant.any(axis=0)
        yield "constant voxels", f"{either.sum()} of {len(either)}"
    if recording.outliers is not None:
        counts = [len(volumes) for volumes in recording.outliers]
        named = ", ".join(f"{n} in run {run}" for run, n in enumerate(counts, 1) if n)
        yield "volumes that stand out", named or "none"
    dropped = sum(len(table) for table in recording.features or []) - len(recording.bold)
    dropped -= recording.shift * len(np.unique(recording.runs))
    if recording.features is not None:
        yield "volumes dropped", f"{dropped}"


def _penalties(model):
    if not (hasattr(model, "at_end_") and hasattr(model, "best_score_")):
        raise ValueError(
            f"model is a {type(model).__name__} without at_end_; expected a helpers.ridge.RidgeCV "
            "that was fitted to the recording: fit it first."
        )
    alphas = np.sort(np.ravel(model.alphas))
    yield "penalties", f"{len(alphas)}, from {alphas[0]:g} to {alphas[-1]:g}"
    if model.alpha_.ndim == 1:  # one a voxel, not one for each space of features
        chosen = model.alpha_[np.isfinite(model.alpha_)]
        low, high = (np.mean(chosen == end) for end in alphas[[0, -1]])
        yield "voxels at the ends", f"{low:.0%} at the smallest, {high:.0%} at the largest"
    yield "better beyond them", f"{model.at_end_.mean():.0%} of the voxels"
    yield "voxels without score", f"{np.isnan(model.best_score_).sum()}"


def _range(numbers):
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"
