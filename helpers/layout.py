"""The files of the recording, by the names that nilearn's fetcher looks for."""

from nilearn.datasets.func import miyawaki2008_file_mask

RECORDING = "miyawaki2008"  # the folder that holds them
FIGURE_RUNS = [f"data_figure_run{run:02}" for run in range(1, 13)]
RANDOM_RUNS = [f"data_random_run{run:02}" for run in range(1, 21)]
MASKS = miyawaki2008_file_mask()


def missing_files(folder):
    """List the files that nilearn's fetcher wants and a folder lacks.

    Parameters
    ----------
    folder : pathlib.Path
        A folder ``miyawaki2008``, which need not exist.

    Returns
    -------
    list of str
        Names relative to the folder, in the fetcher's order.
    """
    runs = FIGURE_RUNS + RANDOM_RUNS
    wanted = [f"func/{run}.nii.gz" for run in runs] + [f"label/{run}_label.csv" for run in runs]
    wanted += [f"mask/{name}" for name in MASKS] + ["bg.nii.gz"]
    return [name for name in wanted if not (folder / name).is_file()]
