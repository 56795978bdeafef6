"""From the lists of a dataset to its runs: what was shown, volume by volume."""

from typing import NamedTuple

import numpy as np
from nilearn.image import index_img

from helpers._engine.validation import check_labels, check_runs, rows_of_runs
from helpers._files.confounds import confound_table, kept_volumes
from helpers._files.events import conditions, rows_of_events
from helpers._files.images import open_image
from helpers._files.stimuli import REST, read_features
from helpers._files.surfaces import is_surface, open_surface


class Shown(NamedTuple):
    """What one run showed."""

    features: np.ndarray  # (n_volumes, n_features)
    blocks: np.ndarray | None  # (n_events, 2), first volume of each event, and the one after it
    images: np.ndarray | None  # (n_events, n_features), what each event showed
    names: list | None  # of the features
    shape: tuple | None  # of an image
    rest: float  # what all features are while nothing is shown


def count_volumes(image):
    """Return the number of volumes of a run.

    Parameters
    ----------
    image : path, image or surface

    Returns
    -------
    int
    """
    opened = open_surface(image) if is_surface(image) else open_image(image)
    return opened.shape[-1] if len(opened.shape) in (2, 4) else 1


def read_tables(tables, shape):
    """Read what each run showed from tables with a row for each volume.

    Parameters
    ----------
    tables : list
        As `helpers._files.stimuli.read_features` takes them.
    shape : tuple of int or None
        Of the images.

    Returns
    -------
    list of Shown
    """
    found = [read_features(table, shape) for table in tables]
    return _check_alike(
        [Shown(table.values, None, None, table.names, table.shape, table.rest) for table in found]
    )


def read_events(events, stimuli, n_volumes, t_r, slice_time_ref):
    """Read what each run showed from events with their times.

    Parameters
    ----------
    events : list
    stimuli : path, dict, DataFrame or None
        As `helpers._files.events.rows_of_events` takes them.
    n_volumes : list of int
    t_r : float or None
        In seconds.
    slice_time_ref : float

    Returns
    -------
    list of Shown

    Raises
    ------
    ValueError
        If the time between volumes is not known.
    """
    if t_r is None:
        raise ValueError(
            "The files do not say how many seconds lie between volumes, and events have their "
            "times in seconds; expected t_r: say from_files(..., t_r=2.0), with the value of your "
            "scans."
        )
    if stimuli is None:
        stimuli = conditions(events)  # of all runs: one may lack a condition
    found = [
        rows_of_events(table, stimuli, n, t_r, slice_time_ref=slice_time_ref)
        for table, n in zip(events, n_volumes, strict=True)
    ]
    return _check_alike(
        [Shown(run.values, run.blocks, run.images, run.names, run.shape, 0.0) for run in found]
    )


def _check_alike(found):
    """Raise ValueError unless all runs have the same features."""
    first = found[0]
    for number, run in enumerate(found[1:], 2):
        pairs = {
            "features": (first.features.shape[1], run.features.shape[1]),
            "as names of features": (first.names or "none", run.names or "none"),
            "as shape of its images": (first.shape or "none", run.shape or "none"),
        }
        for what, (of_first, here) in pairs.items():
            if of_first != here:
                raise ValueError(
                    f"Run 1 has {of_first} {what}, run {number} has {here}; expected the same in "
                    "all runs, in the same order."
                )
    return found


def is_shown(runs):
    """Say in which volumes something was on the screen.

    Where tables have rest rows (-1), an image that is dark all over is an image; where they have
    none, nothing tells it from rest. Events know when something was shown.

    Parameters
    ----------
    runs : list of Shown

    Returns
    -------
    list of ndarray of bool, (n_volumes,)
    """
    coded = [run.features for run in runs if run.rest == REST]
    rest = REST if any((table == REST).all(axis=1).any() for table in coded) else 0
    return [
        (run.features != rest).any(axis=1) if run.blocks is None else _inside(run) for run in runs
    ]


def _inside(run):
    """Say which volumes belong to an event."""
    on = np.zeros(len(run.features), dtype=bool)
    for first, end in run.blocks:
        on[first:end] = True
    return on


class Parts(NamedTuple):
    """One image that holds several runs, cut into runs."""

    images: list
    shown: list
    confounds: list | None
    sample_mask: list | None


def cut(image, shown, labels, confounds, sample_mask):
    """Cut an image with several runs where the label changes.

    Parameters
    ----------
    image : path or image
    shown : Shown
    labels : array_like, shape (n_volumes,)
        The run of each volume.
    confounds : DataFrame, array or None
        One row a volume.
    sample_mask : array_like of int, or None
        Volumes to keep, of the whole image.

    Returns
    -------
    Parts

    Raises
    ------
    ValueError
        If there is not one label a volume, or a run comes back after another one began.
    """
    labels = check_labels("run", labels)
    if labels.shape[:1] != (len(shown.features),):
        raise ValueError(
            f"runs has {labels.size} labels, and there are {len(shown.features)} volumes; expected "
            "the run of each volume."
        )
    parts = rows_of_runs(check_runs(labels, len(labels)))
    opened = open_surface(image) if is_surface(image) else open_image(image)
    table = confound_table(confounds, "the image")
    if table is not None and len(table) != len(labels):
        raise ValueError(
            f"The confounds of the image have {len(table)} rows, and there are {len(labels)} "
            "volumes; expected one row a volume, also for those that sample_mask leaves out."
        )
    kept = kept_volumes(sample_mask, len(labels), "the image")
    return Parts(
        [index_img(opened, part) for part in parts],
        [_part_of(shown, part) for part in parts],
        None if table is None else [table.iloc[part] for part in parts],
        None if sample_mask is None else [_within(kept, part) for part in parts],
    )


def _within(kept, part):
    """Return the volumes that are kept of one run, counted in the run."""
    return kept[(kept >= part.start) & (kept < part.stop)] - part.start


def _part_of(shown, part):
    """Return what one run of several showed; an event across its edge belongs to both runs."""
    features = shown.features[part]
    if shown.blocks is None:
        return shown._replace(features=features)
    here = (shown.blocks[:, 1] > part.start) & (shown.blocks[:, 0] < part.stop)
    blocks = np.clip(shown.blocks[here] - part.start, 0, len(features))
    return shown._replace(features=features, blocks=blocks, images=shown.images[here])
