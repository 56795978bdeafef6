"""A map that the reader turns: nilearn's interactive viewer, made for a page without a kernel."""

import re
from html import escape

from nilearn.plotting import view_img

from helpers.plotting import source_line


def view_map(image, background, title, source, position, limits):
    """Make an interactive viewer of a map: three cuts that move where the reader clicks.

    It is nilearn's ``view_img``, with its scripts and pictures inside the frame, so that a page
    needs neither a kernel nor a network to show it.

    Parameters
    ----------
    image : nibabel.Nifti1Image
        The map; values of 0 are not drawn.
    background : str, Path or nibabel.Nifti1Image
        Brain to draw it on.
    title : str
        What the frame shows, for those who cannot see it.
    source : {"twin", "real", "yours"}
        ``dataset.source``.
    position : (float, float, float)
        Where the cuts are at first, in mm by the image's affine.
    limits : (float, float)
        Values at the ends of the colour map.

    Returns
    -------
    str
        An HTML iframe, for ``display({"text/html": ..., "text/plain": ...}, raw=True)``.

    Raises
    ------
    ValueError
        If the source is unknown.
    """
    view = view_img(
        image,
        bg_img=background,
        cut_coords=position,
        title=source_line(source),
        cmap="viridis",
        symmetric_cmap=False,
        vmin=limits[0],
        vmax=limits[1],
        black_bg=True,  # or nilearn guesses it, and warns while it does
        resampling_interpolation="nearest",  # no mixtures of neighbouring voxels
    )
    # The page names an icon on another host; the book asks none.
    page = re.sub(r'<link rel="icon".*?>', "", view.html, flags=re.DOTALL)
    # The slider has no name that a screen reader could say.
    page = escape(page.replace('type="range"', 'type="range" aria-label="Opacity of the map"'))
    return (
        f'<iframe title="{escape(title)}" srcdoc="{page}" width="{view.width}" '
        f'height="{view.height}" style="border: 0; max-width: 100%; background: white"></iframe>'
    )
