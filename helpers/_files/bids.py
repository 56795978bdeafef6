"""A whole dataset in the layout of BIDS, with fMRIPrep's derivatives: which file is which run's."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from nilearn.image import get_data
from nilearn.interfaces.fmriprep import load_confounds
from nilearn.masking import intersect_masks

from helpers._files import DataError
from helpers._files.images import check_grid, open_image, read_values

# What tells the runs of one subject and task apart.
RUN_ENTITIES = ("session", "acquisition", "reconstruction", "direction", "run", "echo", "part")
IMAGES = {".nii.gz": "preproc", ".nii": "preproc", ".func.gii": None, ".dtseries.nii": None}
NATIVE = "func"  # fMRIPrep's word for the space of the scans, which its files do not name
DESCRIPTION = "dataset_description.json"
NOT_INDEXED = ["code", "models", "sourcedata", "stimuli"]  # as pybids has it


def bids_files(
    folder,
    *,
    subject,
    task,
    session=None,
    run=None,
    space=None,
    derivatives="fmriprep",
    stimuli=None,
    mask=None,
    confounds=("motion", "high_pass", "wm_csf"),
    **strategy,
):
    """Find what `helpers.data.from_files` needs in a BIDS dataset with fMRIPrep's derivatives.

    Files are paired by what their names say (session, run and so on), never by their order in a
    folder. Runs come in the order of their numbers, 10 after 9; those of all sessions one after
    the other.

    Parameters
    ----------
    folder : path-like
        The dataset: it holds ``dataset_description.json``, events and ``derivatives``.
    subject, task : str
        As in the names of the files: "01" or "sub-01", "images" or "task-images".
    session : str, optional
        Of this session alone.
    run : int or list of int, optional
        These runs alone.
    space : str, optional
        "MNI152NLin2009cAsym", "fsaverage5", ...; "func" for images in the space of the scans. It
        can be left out where there is one.
    derivatives : path-like
        The folder of fMRIPrep, by its path or by its name in the dataset's folder
        ``derivatives``.
    stimuli : optional
        What the events showed, as `from_files` takes it. By default the dataset's folder
        ``stimuli``, in which BIDS has the files that the column ``stim_file`` names; None where
        events have no such column.
    mask : optional
        Which voxels or vertices to analyse, as `from_files` takes it. By default the voxels that
        the brain masks of all runs share, and all vertices.
    confounds : sequence of str or None
        What to take out of the responses, as the argument ``strategy`` of
        `nilearn.interfaces.fmriprep.load_confounds`; with "scrub", volumes in which the head moved
        are left out. First volumes that fMRIPrep marks as not yet steady always are. None takes
        out nothing and leaves all volumes in.
    **strategy
        Further arguments of `load_confounds`, as ``motion="basic"`` or ``fd_threshold=0.3``.

    Returns
    -------
    dict
        ``func`` and ``events`` (paths, one a run; of surfaces ``{"left": path, "right": path}``),
        ``stimuli``, ``mask``, ``confounds``, ``sample_mask`` (one a run, or None), ``t_r``
        (seconds) and ``slice_time_ref``. The mask is a path where the brain masks of the runs are
        alike, else an image. `slice_time_ref` is the part of the TR to which fMRIPrep moved all
        slices (``StartTime`` of the sidecar), 0.5 where it says nothing.

    Raises
    ------
    ImportError
        If pybids is not installed.
    DataError
        If there is no such folder, it is no BIDS dataset, or it has no such derivatives.
    ValueError
        If there is no such subject, task, session, run or space; if several spaces could be meant;
        if a run lacks its events, confounds, mask or a hemisphere, or events their run; if two
        files claim to be the same run; or if runs were measured differently.
    """
    root = _check_dataset(Path(folder))
    pipeline = _find_derivatives(root, derivatives)
    subject, task = str(subject).removeprefix("sub-"), str(task).removeprefix("task-")
    session = None if session is None else str(session).removeprefix("ses-")
    _check_among("subject", subject, _subjects(pipeline), pipeline)
    layout = _index(root, pipeline, subject)
    # pybids sorts names as people do, 2 before 10; so runs are in the order of their numbers.
    images = [image for image in _derived(layout, subject, "bold") if _is_preprocessed(image)]
    for name, value in {"task": task, "session": session, "run": run, "space": space}.items():
        images = _choose(images, name, value, pipeline)
    runs = _group_runs(images)
    events = _events_of(layout, subject, task, session, run, runs)
    func = [_one_run(files) for files in runs.values()]
    metadata = [files[0].get_metadata() for files in runs.values()]
    t_r = _shared("RepetitionTime", metadata, func)
    if t_r is None:
        raise ValueError(
            f"The sidecar of {func[0]} has no RepetitionTime, which BIDS demands: add the seconds "
            "from one volume to the next."
        )
    start = _shared("StartTime", metadata, func)
    kept, sample_mask = _confounds_of(func, confounds, strategy)
    return {
        "func": func,
        "events": events,
        "stimuli": _find_stimuli(root, events) if stimuli is None else stimuli,
        "mask": _shared_mask(layout, subject, runs) if mask is None else mask,
        "confounds": kept,
        "sample_mask": sample_mask,
        "t_r": t_r,
        "slice_time_ref": 0.5 if start is None else start / t_r,
    }


# ---- The dataset and its index


def _check_dataset(root):
    """Return the resolved folder; DataError unless it is a BIDS dataset."""
    if not root.is_dir():
        raise DataError(f"There is no folder {root}: check the path of the dataset.")
    if not (root / DESCRIPTION).is_file():
        raise DataError(
            f"{root} is no BIDS dataset: it has no {DESCRIPTION}. Name the folder that holds the "
            "subjects' folders, or give single files to from_files."
        )
    return root.resolve()


def _find_derivatives(root, derivatives):
    """Return fMRIPrep's folder; DataError where there is none, saying which there are."""
    path = Path(derivatives)
    for place in (root / "derivatives" / path, path):
        if (place / DESCRIPTION).is_file():
            return place.resolve()
    found = sorted(path.parent.name for path in root.glob(f"derivatives/*/{DESCRIPTION}"))
    raise DataError(
        f'There are no derivatives "{derivatives}" with a {DESCRIPTION} in {root}; the folder '
        f"derivatives has {found or 'none'}: run fMRIPrep first, or say where its output is with "
        "derivatives=."
    )


def _subjects(pipeline):
    return sorted(path.name[4:] for path in pipeline.glob("sub-*") if path.is_dir())


def _index(root, pipeline, subject):
    """Index the files of one subject with pybids, and what all subjects share."""
    try:
        from bids import BIDSLayout, BIDSLayoutIndexer
        from bids.exceptions import BIDSDerivativesValidationError, BIDSValidationError
    except ImportError:
        raise ImportError(
            "Reading a BIDS dataset needs pybids, which is not installed: python -m pip install "
            "pybids"
        ) from None
    # Of a hundred subjects, ninety-nine would be indexed for nothing, which takes minutes.
    others = re.compile(rf"^[/\\]sub-(?!{re.escape(subject)}([/\\]|$))")
    indexer = BIDSLayoutIndexer(ignore=[*NOT_INDEXED, others])
    try:
        return BIDSLayout(root, derivatives=pipeline, indexer=indexer)
    except (BIDSValidationError, BIDSDerivativesValidationError) as error:
        reason = " ".join(str(error).split("Example")[0].split())
        raise DataError(
            f"pybids does not accept {root} or its derivatives: {reason} Mend {DESCRIPTION}."
        ) from None


def _derived(layout, subject, suffix):
    return layout.get(scope="derivatives", subject=subject, suffix=suffix)


def _is_preprocessed(image):
    """Say whether a file is an image that an encoding model may be fitted to."""
    entities = image.entities
    wanted = IMAGES.get(entities["extension"], entities)  # no extension of an image: never equal
    return entities.get("desc") == wanted


# ---- Which runs


def _value(file, name):
    """Return an entity as it is asked for: the space without a name has one."""
    return file.entities.get(name, NATIVE if name == "space" else None)


def _choose(images, name, value, where):
    """Keep the images with this value of an entity; several spaces cannot be meant at once."""
    found = list(dict.fromkeys(_value(image, name) for image in images))
    found = [one for one in found if one is not None]
    if value is None:
        if name == "space" and len(found) > 1:
            raise ValueError(f"There are images in several spaces, {_list(found)}: say space=.")
        return images
    wanted = list(value) if isinstance(value, list | tuple | range | np.ndarray) else [value]
    if name == "run":  # "01" is run 1
        wanted = [int(one) if str(one).isdecimal() else one for one in wanted]
    for one in wanted:
        _check_among(name, one, found, where)
    return [image for image in images if _value(image, name) in wanted]


def _check_among(name, value, found, where):
    if value not in found:
        raise ValueError(
            f"There is no preprocessed {name} {value} in {where}; expected one of {_list(found)}."
            if found
            else f"There is no preprocessed {name} {value} in {where}: there are none at all."
        )


def _list(found):
    return ", ".join(map(str, found))


def _key(file):
    """Return what tells a run from others, as (name, value) pairs."""
    return tuple((name, file.entities[name]) for name in RUN_ENTITIES if name in file.entities)


def _group_runs(images):
    """Return the files of each run, in the order of the images."""
    runs = {}
    for image in images:
        runs.setdefault(_key(image), []).append(image)
    return runs


def _one_run(files):
    """Return the path of a run, or those of its two hemispheres."""
    sides = sorted(file.entities.get("hemi", "") for file in files)
    if sides == [""]:
        return files[0].path
    if sides == ["L", "R"]:
        paths = {file.entities["hemi"]: file.path for file in files}
        return {"left": paths["L"], "right": paths["R"]}
    names = _list(sorted(file.filename for file in files))
    if "" not in sides and len(set(sides)) == len(sides):
        raise ValueError(f"Of the two hemispheres of a run there is only {names}; get the other.")
    raise ValueError(
        f"Several files claim to be the same run: {names}. Give those that you mean to from_files."
    )


# ---- What belongs to a run


def _belongs(file, subject, task, key):
    """Say whether a file is one of this run; what its name leaves open holds for all runs."""
    run = dict(key) | {"subject": subject, "task": task}
    named = {
        name: file.entities[name] for name in run.keys() | RUN_ENTITIES if name in file.entities
    }
    return all(run.get(name) == value for name, value in named.items())


def _events_of(layout, subject, task, session, run, runs):
    """Return the events file of each run; ValueError for a run or events that stand alone."""
    files = layout.get(scope="raw", suffix="events", extension=".tsv")
    found = {}
    for key, images in runs.items():
        own = [file for file in files if _belongs(file, subject, task, key)]
        if not own:
            raise ValueError(
                f"There is no events file for {images[0].filename}; expected one such as "
                f"{_events_name(subject, task, key)} in {layout.root}: a task without events, as "
                "rest, has nothing to encode."
            )
        # By BIDS' principle of inheritance, the file that says most about itself wins.
        found[key] = max(own, key=lambda file: len(file.entities)).path
    lonely = [
        file.filename
        for file in files
        if (file.entities.get("subject"), file.entities.get("task")) == (subject, task)
        and session in (None, file.entities.get("session"))
        and run is None
        and file.path not in found.values()
    ]
    if lonely:
        raise ValueError(
            f"There are {len(runs)} preprocessed runs, and events without one: {_list(lonely)}. "
            "Preprocess those runs, or say with run= which to take."
        )
    return list(found.values())


def _events_name(subject, task, key):
    short = {"session": "ses", "acquisition": "acq", "reconstruction": "rec", "direction": "dir"}
    parts = [f"sub-{subject}", *(f"ses-{value}" for name, value in key if name == "session")]
    parts += [f"task-{task}"]
    parts += [f"{short.get(name, name)}-{value}" for name, value in key if name != "session"]
    return "_".join([*parts, "events.tsv"])


def _find_stimuli(root, events):
    """Return the folder of stimuli, None where no event names a file in it."""
    columns = {column for path in events for column in pd.read_csv(path, sep="\t", nrows=0)}
    if "stim_file" not in columns:
        return None
    if not (root / "stimuli").is_dir():
        raise DataError(
            f"Events name files in the column stim_file, and {root} has no folder stimuli, where "
            "BIDS has them: say with stimuli= what was shown."
        )
    return str(root / "stimuli")


def _confounds_of(func, confounds, strategy):
    """Return confounds and sample masks of all runs from nilearn, run by run."""
    if confounds is None:
        if strategy:
            raise ValueError(
                f"confounds is None and there is {_list(strategy)}, which says how to choose "
                "confounds: give both or neither."
            )
        return None, None
    tables, kept = [], []
    for run in func:
        files = [run["left"], run["right"]] if isinstance(run, dict) else run
        name = Path(files if isinstance(files, str) else files[0]).name
        try:
            table, sample_mask = load_confounds(files, strategy=tuple(confounds), **strategy)
        except (ValueError, KeyError) as error:  # KeyError: one column of two is missing
            reason = " ".join(str(error).split())
            raise ValueError(f"The confounds of {name} cannot be had: {reason}") from None
        if sample_mask is not None and not len(sample_mask):
            raise ValueError(
                f"No volume of {name} is left: all stand out. Be less strict with fd_threshold= "
                "and std_dvars_threshold=, or leave this run out with run=."
            )
        tables.append(table)
        kept.append(sample_mask)
    return tables, kept


def _shared(name, metadata, func):
    """Return a number that the sidecars of all runs give alike, None if no sidecar has it."""
    values = [entry.get(name) for entry in metadata]
    if len(set(values)) > 1:
        raise ValueError(
            f"{name} is {_list(values)} in the sidecars of the runs {_list(func)}; expected the "
            "same number in all: analyse runs that were measured alike, with run=."
        )
    return values[0]


def _shared_mask(layout, subject, runs):
    """Return the mask of the voxels that the brain masks of all runs share; None for surfaces."""
    first = next(iter(runs.values()))[0]
    if first.entities["extension"] not in (".nii.gz", ".nii"):
        return None
    space, task = first.entities.get("space"), first.entities["task"]
    masks = [
        file
        for file in _derived(layout, subject, "mask")
        if file.entities.get("desc") == "brain"
        and file.entities.get("space") == space
        and file.entities.get("datatype") == "func"
        and file.entities["extension"] in (".nii.gz", ".nii")
    ]
    paths = []
    for key, images in runs.items():
        own = [mask.path for mask in masks if _belongs(mask, subject, task, key)]
        if len(own) != 1:
            raise ValueError(
                f"There are {len(own)} brain masks for {images[0].filename}; expected one, named "
                "alike with desc-brain_mask: give a mask of your own with mask=."
            )
        paths += own
    opened = [open_image(path) for path in paths]
    for image, path in zip(opened, paths, strict=True):
        check_grid(image, path, opened[0], paths[0])
    values = [read_values(image, path) for image, path in zip(opened, paths, strict=True)]
    if all(np.array_equal(one, values[0]) for one in values):
        return paths[0]
    shared = intersect_masks(opened, threshold=1, connected=False)
    if not get_data(shared).any():
        raise ValueError(f"The brain masks {_list(paths)} share no voxel; give one with mask=.")
    return shared
