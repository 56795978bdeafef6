"""Reading pictures: one file, or a folder of frames."""

import re

import numpy as np
from PIL import Image

from helpers._files import DataError

PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}
GREY = ("1", "L", "I;16", "I;16L", "I;16B", "I;16N")  # Pillow's names of modes
UNKNOWN = ("I", "F")
# What Pillow may raise for a damaged file; its PNG reader also knows SyntaxError.
UNREADABLE = (OSError, EOFError, SyntaxError, ValueError, Image.DecompressionBombError)


def read_picture(picture_file):
    """Read a picture in shades of grey.

    Parameters
    ----------
    picture_file : Path
        Grey or colour with 8 or 16 bits, palettes and black-and-white too; without transparency.

    Returns
    -------
    ndarray of float, (n_rows, n_columns)
        From 0 (black) to 1 (white), row 0 at the top; colours are averaged, each with a third.

    Raises
    ------
    DataError
        If the file cannot be read as a picture.
    ValueError
        If it has transparent pixels, several frames, or values of another kind.
    """
    try:
        with Image.open(picture_file) as picture:
            n_frames = getattr(picture, "n_frames", 1)
            see_through = "A" in picture.getbands() or "transparency" in picture.info
            if see_through or picture.mode not in GREY + UNKNOWN:
                picture = picture.convert("RGBA" if see_through else "RGB")
            mode, values = picture.mode, np.asarray(picture)
    except UNREADABLE as error:
        raise DataError(
            f"{picture_file} cannot be read as a picture ({type(error).__name__}): check the path, "
            "or get the file anew."
        ) from None
    if n_frames > 1:
        raise ValueError(
            f"{picture_file} holds {n_frames} pictures; expected one: save each as a file of its "
            "own."
        )
    if mode in UNKNOWN:
        raise ValueError(
            f"{picture_file} holds numbers of 32 bits, whose white is not known; expected a "
            "picture with 8 or 16 bits: scale the numbers to 0 to 1 and save them as .npy."
        )
    if mode == "RGBA":
        if (values[..., 3] < 255).any():
            raise ValueError(
                f"{picture_file} has {(values[..., 3] < 255).sum()} transparent pixels, whose grey "
                "depends on what lies behind; expected none: save the picture on the background "
                "that was shown."
            )
        values = values[..., :3]
    white = 1 if mode == "1" else 65535 if mode.startswith("I;16") else 255
    return values.reshape(*values.shape[:2], -1).mean(axis=2) / white


def read_frames(folder):
    """Read a folder of pictures in the order of their numbers.

    Parameters
    ----------
    folder : Path
        With pictures of one kind and size; ``frame_2.png`` comes before ``frame_10.png``. Files
        of other kinds are left alone.

    Returns
    -------
    ndarray of float, (n_frames, n_rows, n_columns)
        As from `read_picture`.

    Raises
    ------
    DataError
        If a file cannot be read.
    ValueError
        If there is no picture, or they differ in kind or size.
    """
    files = sorted(
        (path for path in folder.iterdir() if _is_picture(path)), key=_in_order_of_numbers
    )
    kinds = sorted({path.suffix.lower() for path in files})
    if len(kinds) != 1:
        raise ValueError(
            f"The folder {folder} has {' and '.join(kinds) or 'no pictures'}; expected pictures of "
            "one kind, one for each volume, with numbers in their names, such as frame_001.png."
        )
    frames = [read_picture(path) for path in files]
    for path, frame in zip(files, frames, strict=True):
        if frame.shape != frames[0].shape:
            raise ValueError(
                f"{path} has {frame.shape[0]} x {frame.shape[1]} pixels and {files[0].name} has "
                f"{frames[0].shape[0]} x {frames[0].shape[1]}; expected one size for all frames of "
                "a run: resize them."
            )
    return np.stack(frames)


def _is_picture(path):
    """Say whether a path is that of a picture; names that start with a point are the system's."""
    return path.suffix.lower() in PICTURES and not path.name.startswith(".")


def _in_order_of_numbers(path):
    """Return a key that sorts 2 before 10; the name itself decides between 2 and 02."""
    parts = re.split(r"(\d+)", path.name)
    return [int(part) if at % 2 else part for at, part in enumerate(parts)], path.name
