"""From events, as BIDS writes them, to rows: what was shown in each volume of a run."""

import io
import os
import warnings
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers._files.pictures import PICTURES, read_picture
from helpers._files.stimuli import check_numbers, check_there, read_array, read_text

NAMES = ("trial_type", "stim_file")
NOTHING_SHOWN = {"rest", "baseline", "fixation"}  # names that tables give to pauses
ADVICE = (
    "Expected seconds from the first volume, and the events of this run: divide milliseconds by "
    "1000 or multiply volumes by the TR, and look at the order of the files."
)
# Logged durations run some milliseconds into the next event. In volumes.
SLACK = 0.05
# Runs often end with some seconds of rest; this long it may be a sign of other units. In seconds.
LONG_PAUSE = 30


class EventRows(NamedTuple):
    """What was shown in each volume of a run, and when each trial was."""

    values: np.ndarray  # (n_volumes, n_features) of float, 0 where nothing is shown
    blocks: np.ndarray  # (n_trials, 2) of int: first volume of a trial, and the one after its last
    images: np.ndarray  # (n_trials, n_features): what each trial showed, unscaled
    names: list | None  # of str, one a feature; None where they have none
    shape: tuple | None  # rows and columns of an image; None for features that are no pixels


def rows_of_events(events, stimuli, n_volumes, t_r, *, slice_time_ref=0.5):
    """Say what was shown in each volume, from the onsets and durations of events.

    A volume stands for the time of one TR around the moment to which it was slice-timed, so that
    volume n means the time from ``(n + slice_time_ref - 0.5) * t_r`` to a TR later. Its row is the
    average of the features over that time: each event counts with the share of the volume that it
    covers, whether it begins between two volumes or lasts for less than one. Features of events at
    the same time add up.

    Parameters
    ----------
    events : str, Path or DataFrame
        Columns ``onset`` and ``duration``, in seconds from the start of the first volume, and
        ``trial_type`` or ``stim_file``; ``n/a`` is a missing value. An event without a name shows
        nothing. An optional ``modulation`` multiplies the features, as in nilearn's tables; other
        columns are left alone. Order does not matter.
    stimuli : None, str, Path, dict, DataFrame, Series or list of str
        - None: a column for each trial_type, which is 1 where it fills the volume (see
          `conditions` for several runs, which must have the same columns);
        - a folder in which the paths in stim_file lead to pictures or ``.npy`` arrays, which are
          images (rows x columns) or vectors of features;
        - a dict from trial_type or stim_file to such an array, a number, the path of a picture,
          or None where nothing is shown; or a DataFrame or Series with these names as its index;
        - a list of columns of `events` that hold numbers, which are the features themselves.
    n_volumes : int
        How many volumes the run has; so many rows come back.
    t_r : float
        Seconds from one volume to the next.
    slice_time_ref : float
        To which moment volumes were slice-timed, from 0, the start of an acquisition, to 1, its
        end: fMRIPrep's ``StartTime / RepetitionTime``, in general its middle. Also the mean time
        of the slices where there was no slice-timing correction: 0.5.

    Returns
    -------
    EventRows
        Trials come in the order of their onsets. A block holds the volumes of which an event
        covers at least half, or the one of which it covers most: at least one volume, so that
        short trials may share one. Trials that follow one another without a gap have blocks that
        do so too, and an image shown twice in a row is two trials.

    Raises
    ------
    DataError
        If a file is missing or cannot be read.
    ValueError
        If the table lacks a column, times are missing, negative or not in seconds, an event has no
        features, images overlap by more than a twentieth of a volume, or half of the events lie
        outside the run.

    Warns
    -----
    UserWarning
        If some events lie outside the run, events last 0 s (each then fills the volume in which it
        falls, whatever the TR, as an impulse), the same overlaps itself, a pause is
        named like a condition, or the last third of a run has no event.
    """
    _check_run(n_volumes, t_r, slice_time_ref)
    table, source = read_events(events)
    if stimuli is None:
        stimuli = conditions([events])
    table, images, names, shape = _look_up(table, source, stimuli)
    # Times in volumes; rounded, so that 7.2 s are ten volumes of 0.72 s and not a little more.
    onsets = np.round(table["onset"].to_numpy() / t_r - slice_time_ref + 0.5, 9)
    ends = np.round((table["onset"] + table["duration"]).to_numpy() / t_r - slice_time_ref + 0.5, 9)
    _check_overlap(onsets, ends, table, source, shape)
    onsets, ends = _fill_volumes(onsets, ends, source)
    inside = _check_inside(onsets, ends, n_volumes, t_r, table, source)
    onsets, ends, images = onsets[inside], ends[inside], images[inside]
    modulation = table["modulation"].to_numpy()[inside]

    volumes = np.arange(n_volumes)[:, np.newaxis]
    shares = np.clip(ends - volumes, 0, 1) - np.clip(onsets - volumes, 0, 1)
    return EventRows(
        shares @ (images * modulation[:, np.newaxis]),
        _blocks(onsets, ends, n_volumes),
        images,
        names,
        shape,
    )


def conditions(all_events):
    """Return one column for each trial_type that the runs have, to give as `stimuli`.

    Parameters
    ----------
    all_events : list of str, Path or DataFrame
        The events of each run.

    Returns
    -------
    DataFrame, (n_conditions, n_conditions)
        The identity, by the names in alphabetical order.

    Raises
    ------
    DataError
        If a file is missing or cannot be read.
    ValueError
        If a table is no table of events, or has no trial_type.

    Warns
    -----
    UserWarning
        If a condition is named like a pause.
    """
    found = set()
    for events in all_events:
        table, source = read_events(events)
        _check_column(table, source, "trial_type")
        found |= set(table["trial_type"].dropna())
    names = sorted(found)
    pauses = [name for name in names if name.lower() in NOTHING_SHOWN]
    if pauses and len(names) > 1:
        warnings.warn(
            f'The trial_type "{pauses[0]}" gets a column and counts as a trial like any condition. '
            "If nothing is shown then, leave these events out, or write n/a for their trial_type.",
            stacklevel=3,
        )
    return pd.DataFrame(np.eye(len(names)), index=names, columns=names)


def read_events(events):
    """Read a table of events.

    Parameters
    ----------
    events : str, Path or DataFrame
        A path is that of a BIDS ``events.tsv``, or of a ``.csv`` with the same columns.

    Returns
    -------
    table : DataFrame
        In the order of onsets: ``onset``, ``duration`` and ``modulation`` (1 where the table has
        none) as numbers, ``trial_type`` and ``stim_file``, as far as they are there, as text or
        NaN; other columns as they are. The index is the row of an event in what was given, from 1,
        not counting the header.
    source : str
        The name to give in messages, the path or "this DataFrame".

    Raises
    ------
    DataError
        If the file is missing or cannot be read.
    ValueError
        If columns are missing, or an onset or duration is no number of seconds.
    """
    if isinstance(events, str | os.PathLike):
        source, table = str(events), _read_table(Path(events))
    elif isinstance(events, pd.DataFrame):
        source, table = "this DataFrame", events.copy()
    else:
        raise ValueError(
            f"events is of the type {type(events).__name__}; expected a path or a DataFrame with "
            "the columns onset, duration and trial_type or stim_file."
        )
    if not {"onset", "duration"} <= set(table.columns):
        raise ValueError(
            f"{source} has the columns {', '.join(map(str, table.columns))}; expected onset and "
            "duration (both in seconds), and trial_type or stim_file, as BIDS names them, with "
            "tabs between them in a file."
        )
    if table.columns.duplicated().any():
        twice = table.columns[table.columns.duplicated()][0]
        raise ValueError(f'{source} has the column "{twice}" twice; expected each column once.')
    if table.empty:
        raise ValueError(
            f"{source} has no events; expected one row an event: leave a run without events out."
        )
    table.index = range(1, len(table) + 1)
    if "modulation" not in table:
        table["modulation"] = 1.0
    for column in ("onset", "duration", "modulation"):
        table[column] = _numbers(table[column], column, source)
    if (table["duration"] < 0).any():
        row = table.index[table["duration"] < 0][0]
        raise ValueError(
            f"{source} has the duration {table['duration'][row]:g} in row {row}; expected seconds, "
            "0 or more: look at how it was computed."
        )
    for column in set(NAMES) & set(table.columns):
        names = [np.nan if pd.isna(value) else _name(value) for value in table[column]]
        names = [np.nan if name in ("", "n/a") else name for name in names]
        table[column] = pd.Series(names, index=table.index, dtype=object)
    return table.sort_values("onset", kind="stable"), source


def _read_table(path):
    """Return the table in a file; cells are text, or NaN for n/a and for nothing."""
    text = read_text(path, "a table of events")
    if not text.strip():
        raise ValueError(f"{path} is empty; expected a header and one row an event.")
    try:
        with warnings.catch_warnings():
            # For rows that are longer than the header; pandas would cut them.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                io.StringIO(text),
                sep="," if path.suffix.lower() == ".csv" else "\t",
                dtype=str,
                index_col=False,
                # Not what pandas takes for missing: "null" and "NA" may be words that were shown.
                keep_default_na=False,
                na_values=["n/a", ""],
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise ValueError(
            f"{path} is not a table of events ({' '.join(str(error).split())}); expected equally "
            "many cells in each row, with tabs between them."
        ) from None
    return table.rename(columns=str.strip)


def _numbers(column, name, source):
    """Return a column of times as float64, or say which cell is no finite number."""
    values = pd.to_numeric(column, errors="coerce").astype(np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        row = column.index[bad][0]
        given = "n/a" if pd.isna(column[row]) else column[row]
        raise ValueError(
            f'{source} has "{given}" as the {name} in row {row}, and {bad.sum()} such cells; '
            f"expected a number, with a point for decimals{HINTS.get(name, '')}."
        )
    return values


HINTS = {
    "onset": ": seconds from the first volume",
    "duration": ": seconds, 0 for a moment",
    "modulation": ": 1 where an event counts like others",
}


def _name(value):
    """Return a name as text; 1.0, which pandas makes of 1 beside missing values, is 1."""
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value) if whole else value).strip()


def _check_run(n_volumes, t_r, slice_time_ref):
    """Raise ValueError unless the times of a run's volumes are known."""
    if not isinstance(n_volumes, Integral) or n_volumes < 1:
        raise ValueError(f"n_volumes is {n_volumes}; expected how many volumes the run has.")
    if not isinstance(t_r, Real) or not np.isfinite(t_r) or t_r <= 0:
        raise ValueError(
            f"t_r is {t_r}; expected the seconds from one volume to the next, without which onsets "
            "in seconds have no volume: give t_r=."
        )
    if not isinstance(slice_time_ref, Real) or not 0 <= slice_time_ref <= 1:
        raise ValueError(
            f"slice_time_ref is {slice_time_ref}; expected a number from 0 (volumes belong to the "
            "start of their acquisition) to 1 (its end): divide StartTime by the TR."
        )


def _look_up(table, source, stimuli):
    """Return the events that show something, what they show, names of features, and a shape."""
    if isinstance(stimuli, list | tuple):
        return _look_up_columns(table, source, stimuli)
    if isinstance(stimuli, str | os.PathLike):
        column, names = "stim_file", None
        _check_column(table, source, column)
        shown = _paths(Path(stimuli), table[column].dropna().unique())
    else:
        shown, names = _from_memory(stimuli)
        column = _matching_column(table, source, shown)
    table = table[table[column].map(lambda name: shown.get(name) is not None)]
    if table.empty:
        raise ValueError(f"{source} has no event that shows anything: look at its {column}.")
    shown = {name: _features(name, shown[name]) for name in table[column].unique()}
    first, *others = shown
    for name in others:
        if shown[name].shape != shown[first].shape:
            raise ValueError(
                f'The stimulus "{name}" has the shape {shown[name].shape} and "{first}" has '
                f"{shown[first].shape}; expected one size for all: resize the images, or give "
                "vectors of equal length."
            )
    shape = shown[first].shape if shown[first].ndim == 2 else None
    images = np.stack([shown[name].ravel() for name in table[column]])
    return table.assign(name=table[column]), images, names, shape


def _look_up_columns(table, source, columns):
    """Return the same from columns of numbers in the table itself."""
    there = set(table.columns)
    missing = [name for name in columns if not isinstance(name, str) or name not in there]
    if missing or not columns:
        raise ValueError(
            f"stimuli lists {missing[:1] or 'nothing'}, and {source} has the columns "
            f"{', '.join(map(str, table.columns))}; expected names of columns with numbers."
        )
    given = table[list(columns)]
    shows = ~(given.isna() | given.isin(["n/a", ""])).all(axis=1)
    if not shows.any():
        raise ValueError(f"{source} has no event that shows anything: look at its {columns[0]}.")
    images = np.column_stack([_numbers(given.loc[shows, name], name, source) for name in columns])
    return table[shows].assign(name=table.index[shows]), images, list(columns), None


def _check_column(table, source, column):
    """Raise ValueError if a table has nothing in a column of names."""
    if column not in table or table[column].isna().all():
        raise ValueError(
            f"{source} has no {column}; expected there what each event showed: write that column, "
            "or rename the one that says it. With stimuli=None conditions come from trial_type; "
            "with a folder, files from stim_file."
        )


def _from_memory(stimuli):
    """Return what a dict, DataFrame or Series says of each name, and the names of features."""
    names = None
    if isinstance(stimuli, pd.DataFrame):
        named = [column for column in NAMES if column in stimuli]
        stimuli = stimuli.set_index(named[0]) if named else stimuli
        names = [str(column) for column in stimuli.columns]
        keys, values = stimuli.index, stimuli.to_numpy()
    elif isinstance(stimuli, pd.Series):
        keys, values = stimuli.index, stimuli.to_numpy()
    elif isinstance(stimuli, Mapping):
        keys, values = stimuli.keys(), stimuli.values()
    else:
        raise ValueError(
            f"stimuli is of the type {type(stimuli).__name__}; expected a folder, a dict or "
            "DataFrame from trial_type or stim_file to features, or a list of columns of events."
        )
    shown = dict(zip(map(_name, keys), values, strict=True))
    if len(shown) != len(keys):
        keys = pd.Index(map(_name, keys))
        raise ValueError(
            f'stimuli has "{keys[keys.duplicated()][0]}" more than once; expected each name once.'
        )
    return shown, names


def _matching_column(table, source, shown):
    """Return the column whose names have features: trial_type, or stim_file if it has more."""
    columns = [column for column in NAMES if column in table]
    column = max(
        columns, key=lambda column: table[column].isin(list(shown)).sum(), default=NAMES[0]
    )
    _check_column(table, source, column)
    missing = sorted(set(table[column].dropna()) - set(shown))
    if missing:
        raise ValueError(
            f'stimuli has nothing for the {column} "{missing[0]}" of {source}, nor for '
            f"{len(missing) - 1} more; it has {', '.join(list(shown)[:5])}. Expected an entry for "
            "each name: add it, None where nothing was shown."
        )
    return column


def _paths(folder, names):
    """Return where the files are that events name; the folder's own name may come first."""
    check_there(folder)
    if not folder.is_dir():
        raise ValueError(f"stimuli is {folder}, a file; expected the folder of the stimulus files.")
    paths = {}
    for name in names:
        relative = Path(name.replace("\\", "/"))
        inside = relative.parts[:1] == (folder.name,) and not (folder / relative).exists()
        paths[name] = path = (folder.parent if inside else folder) / relative
        if not path.exists() and not path.is_symlink():
            others = {other.name.lower(): other.name for other in _siblings(path)}
            other = others.get(path.name.lower())
            advice = (
                f'there is "{other}": write upper and lower case alike.'
                if other
                else "expected the paths in stim_file to start in that folder."
            )
            raise ValueError(f'The stimulus file "{name}" is not in {folder}; {advice}')
    return paths


def _siblings(path):
    """Return what else is in the folder of a path."""
    return sorted(path.parent.iterdir()) if path.parent.is_dir() else []


def _features(name, value):
    """Return the features of a stimulus, (n_features,) or (n_rows, n_columns)."""
    if isinstance(value, str | os.PathLike):
        value = _read_file(Path(value))
    features = np.atleast_1d(check_numbers(f'The stimulus "{name}"', value))
    if features.ndim > 2 or features.size == 0:
        raise ValueError(
            f'The stimulus "{name}" has the shape {features.shape}; expected a vector of features, '
            "or an image of rows x columns without colour: average the colours."
        )
    return features


def _read_file(path):
    """Read a picture or an array."""
    check_there(path)
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return read_array(path)
    if suffix in PICTURES:
        return read_picture(path)
    raise ValueError(
        f"The stimulus file {path} is no picture and no .npy; expected one image or one vector of "
        "features a file. For a film or a sound, make one row of features a volume and give "
        "them as label=."
    )


def _check_overlap(onsets, ends, table, source, shape):
    """Refuse two images at once; warn where the same is shown twice at once."""
    if shape is not None:
        later = _overlapping(onsets, ends)
        if later.size:
            raise ValueError(
                f"{later.size} events of {source} begin while another image is shown, the first in "
                f"row {table.index[later[0]]}; expected one image on the screen at a time: shorten "
                "the durations, or make one image of what was seen together."
            )
        return
    names = table["name"].to_numpy()
    n_twice = sum(
        _overlapping(onsets[names == name], ends[names == name]).size for name in set(names)
    )
    if n_twice:
        warnings.warn(
            f"{n_twice} events of {source} begin while the same is shown already, so that its "
            "features count twice: look for rows that are there twice.",
            stacklevel=3,
        )


def _overlapping(onsets, ends):
    """Return which events, in the order of onsets, begin before an earlier one has ended."""
    before = np.maximum.accumulate(ends)[:-1]
    together = (onsets[1:] < before - SLACK) | (onsets[1:] == onsets[:-1])
    return np.flatnonzero(together) + 1


def _fill_volumes(onsets, ends, source):
    """Let events without duration last for the volume in which they fall, with a warning."""
    moments = ends <= onsets
    if moments.any():
        warnings.warn(
            f"{moments.sum()} of {moments.size} events of {source} have the duration 0: each "
            "counts fully in the volume in which it falls. Write how many seconds they last if "
            "they do.",
            stacklevel=3,
        )
    return (
        np.where(moments, np.floor(onsets), onsets),
        np.where(moments, np.floor(onsets) + 1, ends),
    )


def _check_inside(onsets, ends, n_volumes, t_r, table, source):
    """Say which events lie in the run at least in part; refuse a table that is of another run."""
    inside = (ends > 0) & (onsets < n_volumes)
    n_outside = (~inside).sum()
    lasts = f"the run lasts from 0 to {n_volumes * t_r:g} s"
    if n_outside >= inside.size / 2 or (ends[inside] > 2 * n_volumes).any():
        raise ValueError(
            f"{source} does not fit the run: onsets go from {table['onset'].min():g} to "
            f"{table['onset'].max():g}, durations up to {table['duration'].max():g}, and {lasts}, "
            f"so that {n_outside} of {inside.size} events lie outside. {ADVICE}"
        )
    if n_outside:
        warnings.warn(
            f"{n_outside} of {inside.size} events of {source} lie outside the run and are left "
            f"out, the first in row {table.index[~inside][0]}; {lasts}. {ADVICE}",
            stacklevel=3,
        )
    pause = n_volumes - ends.max()
    if pause > n_volumes / 3 and pause * t_r > LONG_PAUSE:
        warnings.warn(
            f"The last {pause * t_r:.0f} s have no event of {source}, and {lasts}. {ADVICE}",
            stacklevel=3,
        )
    return inside


def _blocks(onsets, ends, n_volumes):
    """Return first volume and the one after the last of each event, (n_events, 2)."""
    # Rounded alike, halves upwards: where one event begins as another ends, so do their blocks.
    blocks = np.floor(np.column_stack([onsets, ends]) + 0.5).clip(0, n_volumes).astype(int)
    middle = np.floor((np.maximum(onsets, 0) + np.minimum(ends, n_volumes)) / 2).astype(int)
    short = blocks[:, 0] == blocks[:, 1]
    blocks[short] = np.column_stack([middle, middle + 1])[short]
    return blocks
