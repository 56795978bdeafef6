"""Colours as people see them: contrast, and what is left of a difference without one cone type."""

import ast
from itertools import combinations

import numpy as np
from colorspacious import cspace_convert
from matplotlib import colormaps
from matplotlib.colors import to_rgb

# Names of Machado, Oliveira and Fernandes (2009) for three kinds of colour vision deficiency, here
# at their full severity, and None for all cones.
VISIONS = [None, "protanomaly", "deuteranomaly", "tritanomaly"]
WRITING = {"text", "annotate", "figtext", "suptitle", "supxlabel", "supylabel", "title"}
WRITING |= {f"set_{name}" for name in ("title", "xlabel", "ylabel")}


def contrast(colour, background="white"):
    """Contrast ratio of two colours, from 1 to 21 (WCAG 2.2)."""
    channels = np.array([to_rgb(colour), to_rgb(background)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    dark, light = np.sort(linear @ [0.2126, 0.7152, 0.0722])
    return (light + 0.05) / (dark + 0.05)


def seen(colours, vision):
    """Colours in CAM02-UCS (lightness first), where a distance of 1 can barely be seen."""
    rgb = np.array([to_rgb(colour) for colour in colours])
    if vision is not None:
        space = {"name": "sRGB1+CVD", "cvd_type": vision, "severity": 100}
        rgb = cspace_convert(rgb, space, "sRGB1").clip(0, 1)
    return cspace_convert(rgb, "sRGB1", "CAM02-UCS")


def smallest_distance(colours, vision):
    """Distance of the two colours that are hardest to tell apart."""
    places = seen(colours, vision)
    return min(np.linalg.norm(one - other) for one, other in combinations(places, 2))


def named_maps(code):
    """Names of colour maps among the words in quotes of some code."""
    words = [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)]
    return {word for word in words if isinstance(word, str) and word in colormaps}


def text_colours(code):
    """Colours that some code gives to text."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", None) in WRITING:
            for argument in node.keywords:
                if argument.arg == "color" and isinstance(argument.value, ast.Constant):
                    yield argument.value.value
