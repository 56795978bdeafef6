"""Explorers: what a reader points at, steps to or slides, in a page without a kernel.

Each function takes arrays and returns an iframe that holds all it needs: data, scripts, style, and
a picture for readers without scripts. It works in a built page and in JupyterLab alike.
"""

import numpy as np

from helpers._engine.validation import check_complete, check_fits, check_table
from helpers._explorers.checks import (
    check_columns,
    check_gaussians,
    check_grid,
    check_pixels,
    check_volume,
)
from helpers._explorers.data import (
    list_gaussians,
    pack,
    pack_fields,
    pack_map,
    shared_data,
    top_of_scale,
)
from helpers._explorers.numbers import in_words, r2_of_each
from helpers._explorers.page import draw_picture, make_frame
from helpers.plotting import block_edges

__all__ = ["explore_fields", "explore_penalties"]

FIELDS = "Explorer: receptive field of each voxel, and the voxels that look at a pixel"
PENALTIES = "Explorer: weights, prediction, score and brain map at twenty penalties"


def explore_fields(
    mask,
    background,
    scores,
    weights,
    columns,
    areas,
    source,
    true_weights=None,
    ceiling=None,
    zooms=(3.3, 3.6),
    centres=None,
    sizes=None,
    shape=(10, 10),
):
    """Make an explorer of receptive fields: from a voxel to its field, from a pixel to its voxels.

    Parameters
    ----------
    mask : array_like of bool, shape (n_i, n_j, n_k)
        The voxels, in C order.
    background : array_like, shape (n_i, n_j, n_k)
        Brain on the same grid.
    scores : array_like, shape (n_voxels,)
        Held-out R2 of every voxel of the mask; NaN where there is none.
    weights : array_like, shape (n_fields, n_pixels)
        Receptive fields of some voxels, in standard deviations of the response.
    columns : array_like of int, shape (n_fields,)
        Which voxels of the mask these are.
    areas : sequence of str, length n_voxels
        Area of every voxel; "" where it has none.
    source : {"twin", "real", "yours"}
        ``dataset.source``.
    true_weights : array_like, shape (n_fields, n_pixels), optional
        What the simulator used, in percent of the baseline.
    ceiling : array_like, shape (n_voxels,), optional
        Share of each voxel's variance that could be predicted, for the twin
        ``dataset.truth.ceiling_random``.
    zooms : (float, float)
        Size of a voxel along i and j in mm.
    centres : array_like, shape (n_fields, 2), optional
        Row and column in pixels, whole at pixel centres, of the population receptive fields that
        were fitted to the time courses of these voxels. They may lie outside the image; NaN where
        a voxel has no such field.
    sizes : array_like, shape (n_fields,), optional
        Standard deviations of these fields in pixels; NaN where the centre is.
    shape : (int, int)
        Rows and columns of the image that the weights belong to, in C order.

    Returns
    -------
    str
        An HTML iframe, for ``display({"text/html": ..., "text/plain": ...}, raw=True)``.

    Raises
    ------
    ValueError
        If the arrays do not fit together or the weights not the image, weights are NaN or infinite,
        or the source is unknown; and if only one of centres and sizes is given, one is NaN where
        the other is not, values are infinite, or sizes are not positive.
    """
    mask, background = check_volume(mask, background)
    n_voxels = (int(mask.sum()),)
    scores = check_fits("scores", scores, n_voxels)
    weights = check_table("weights", weights)
    shape = check_pixels(weights, shape)
    columns = check_columns(columns, len(weights), *n_voxels)
    areas = check_fits("areas", areas, n_voxels, np.str_)
    if np.isnan(scores[columns]).all():
        raise ValueError("No voxel with weights has a score: choose voxels that do.")
    names, codes = np.unique(areas, return_inverse=True)
    best = int(np.nanargmax(scores[columns]))
    data = shared_data(mask, background, zooms, scores, source) | {
        "scores": pack(scores),
        "areas": names.tolist(),
        "area_codes": codes.tolist(),
        "columns": columns.tolist(),
        "shape": shape,
        "fields": pack_fields(weights),
        "peaks": weights.argmax(axis=1).tolist(),
        "lowest": f"{np.nanmin(scores[columns]):.2f}",
        "start": int(columns[best]),
    }
    pictures = {"weights": weights[best]}
    if true_weights is not None:
        true_weights = check_fits("true_weights", true_weights, weights.shape)
        data["truth"] = pack_fields(true_weights)
        pictures["true field"] = true_weights[best]
    if ceiling is not None:
        data["ceiling"] = pack(check_fits("ceiling", ceiling, n_voxels))
    caption = "Scores in one slice of the brain, and the weights of its best voxel as a picture."
    gaussian = None
    if centres is not None or sizes is not None:
        centres, sizes = check_gaussians(centres, sizes, len(columns))
        data["gaussians"] = list_gaussians(centres, sizes)
        gaussian = data["gaussians"][best]
    if gaussian:
        caption += " Circle: the Gaussian fitted to its time course, one standard deviation."
    picture = draw_picture(mask, background, scores, pictures, shape, source, gaussian)
    return make_frame("fields", FIELDS, data, picture, caption)


def explore_penalties(
    mask,
    background,
    penalties,
    scores,
    voxels,
    weights,
    measured,
    predicted,
    is_on,
    tr,
    source,
    start=0,
    zooms=(3.3, 3.6),
    shape=(10, 10),
):
    """Make an explorer of the penalty: one slider for weights, prediction, score and brain map.

    Parameters
    ----------
    mask, background, source, zooms, shape
        As for `explore_fields`.
    penalties : array_like, shape (n_penalties,)
        In rising order.
    scores : array_like, shape (n_penalties, n_voxels)
        Held-out R2 of every voxel of the mask.
    voxels : dict of str to int
        Voxels to choose from: the column of each by the name on its button.
    weights : array_like, shape (n_penalties, n_chosen, n_pixels)
        Weights of these voxels, in standard deviations of the response.
    measured : array_like, shape (n_volumes, n_chosen)
        Their responses over one run that had no part in the fit.
    predicted : array_like, shape (n_penalties, n_volumes, n_chosen)
        Predictions of these responses.
    is_on : array_like of bool, shape (n_volumes,)
        Whether the model's input for a volume has any pixel lit.
    tr : float
        Seconds from one volume to the next.
    start : int
        Place of the penalty that is shown first.

    Returns
    -------
    str
        An HTML iframe, as from `explore_fields`.

    Raises
    ------
    ValueError
        If the arrays do not fit together, or hold NaN or infinite values where none may be.
    """
    mask, background = check_volume(mask, background)
    penalties = check_grid(penalties, start)
    columns = check_columns(list(voxels.values()), len(voxels), int(mask.sum()))
    scores = check_fits("scores", scores, (len(penalties), int(mask.sum())))
    n_volumes, fits = len(measured), (len(penalties), len(columns))
    weights = check_complete("weights", weights, (*fits, np.shape(weights)[-1]))
    shape = check_pixels(weights, shape)
    measured = check_complete("measured", measured, (n_volumes, len(columns)))
    predicted = check_complete("predicted", predicted, (fits[0], n_volumes, fits[1]))
    is_on = check_fits("is_on", is_on, (n_volumes,), bool)
    chosen = check_complete("scores of the chosen voxels", scores[:, columns], fits)
    data = shared_data(mask, background, zooms, scores, source) | {
        "penalties": [in_words(penalty) for penalty in penalties],
        "powers": np.log10(penalties).tolist(),
        "names": list(voxels),
        "columns": columns.tolist(),
        "map": pack_map(scores, top_of_scale(scores)),
        "scores": pack(chosen),
        "best": chosen.argmax(axis=0).tolist(),
        "above_zero": [f"{share:.0%}" for share in (scores > 0).mean(axis=1)],
        "means": [f"{mean:.3f}".replace("-", "−") for mean in np.nanmean(scores, axis=1)],
        "shape": shape,
        "weights": pack(weights),
        "measured": pack(measured.T),
        "predicted": pack(predicted.transpose(0, 2, 1)),
        "run_scores": r2_of_each(measured, predicted).tolist(),
        "times": (np.arange(n_volumes) * tr).tolist(),
        "shades": (block_edges(is_on) * tr).tolist(),
        "start": int(start),
    }
    pictures = {f"penalty {data['penalties'][place]}": weights[place, 0] for place in (0, start)}
    caption = (
        "Scores in one slice of the brain, and the weights of one voxel, with a colour scale each."
    )
    picture = draw_picture(mask, background, scores[start], pictures, shape, source)
    return make_frame("penalties", PENALTIES, data, picture, caption)
