"""One page about a recording: what came in, what stands out, and what a model made of it."""

from textwrap import fill

import numpy as np

WIDTH = 88


def report(recording, model=None):
    """Describe a recording, line by line.

    Parameters
    ----------
    recording : helpers.data.Recording
    model : estimator, optional
        Fitted, with ``alpha_`` and ``alphas`` as `helpers.ridge.RidgeCV` has them.

    Returns
    -------
    str
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
    still = np.ptp(stimuli, axis=0) == 0
    yield "features", f"{stimuli.shape[1]}{shape}; {still.sum()} never change"
    yield "something shown in", f"{recording.is_on.mean():.0%} of the samples"
    if recording.blocks is not None:
        yield "events", f"{len(recording.blocks)}"
    if (~still).sum() > 1:
        together = np.corrcoef(stimuli[:, ~still].T) - np.eye((~still).sum())
        first, second = np.unravel_index(np.abs(together).argmax(), together.shape)
        columns = np.flatnonzero(~still)[[first, second]]
        names = columns if recording.names is None else [recording.names[i] for i in columns]
        yield (
            "design",
            f"features {names[0]} and {names[1]} are most alike, r = {together[first, second]:.2f}",
        )


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
    alphas, chosen = np.sort(np.ravel(model.alphas)), model.alpha_[np.isfinite(model.alpha_)]
    yield "penalties", f"{len(alphas)}, from {alphas[0]:g} to {alphas[-1]:g}"
    at_ends = [np.mean(chosen == end) for end in alphas[[0, -1]]]
    yield "voxels at the ends", f"{at_ends[0]:.0%} at the smallest, {at_ends[1]:.0%} at the largest"
    yield "voxels without score", f"{len(model.alpha_) - len(chosen)}"


def _range(numbers):
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"
