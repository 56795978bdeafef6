"""The pictures in the repository are what its programs draw."""

import io
from pathlib import Path

import drawings
import logo
import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import overview
import pytest
import yaml
from bs4 import BeautifulSoup
from nilearn.image import get_data, resample_to_img

from helpers import data

ROOT = Path(__file__).resolve().parent.parent
MEAN_DIFFERENCE = 0.02  # of the range of a pixel: another FreeType moves the edges of letters


def difference(drawn, stored):
    """Mean difference of two pictures with values from 0 to 1."""
    assert drawn.shape == stored.shape
    return np.abs(drawn.astype(float) - stored).mean()


@pytest.fixture(scope="module")
def twin():
    return data.load(source="twin")


@pytest.fixture(scope="module")
def step(twin):
    return overview.compute(twin)


@pytest.fixture
def picture(twin, step):
    """The overview, drawn anew."""
    background = resample_to_img(twin.background, twin.mask, force_resample=True, copy_header=True)
    with plt.style.context("helpers.book"):
        fig = overview.draw(*step, get_data(background))
        file = io.BytesIO()
        fig.savefig(file, dpi=overview.DPI)
    plt.close(fig)
    file.seek(0)
    return matplotlib.image.imread(file)


def test_overview_is_what_the_book_computes(picture):
    stored = matplotlib.image.imread(overview.PICTURE)
    assert difference(picture, stored) < MEAN_DIFFERENCE
    # The bound can fail: images in another order are farther away.
    turned = picture.copy()
    turned[:, :400] = turned[::-1, :400]
    assert difference(turned, stored) > MEAN_DIFFERENCE


def test_hemispheres_of_the_overview_look_at_opposite_halves(step):
    _, voxels = step
    column = voxels.fits.centre[:, 1]
    for side, far in (("LH", column > 4.5), ("RH", column < 4.5)):
        here = voxels.hemisphere == side
        assert np.mean(far[here]) > 0.8
    assert voxels.scores.min() > overview.PREDICTED


def test_overview_is_wide_sharp_and_light():
    height, width, _ = matplotlib.image.imread(overview.PICTURE).shape
    assert width >= 2 * 688, "sharp on a screen with two dots a pixel"
    assert 2 < width / height < 3
    assert overview.PICTURE.stat().st_size < 500_000


@pytest.mark.parametrize("name", drawings.DRAWINGS)
def test_drawing_is_what_its_program_draws(name):
    stored = matplotlib.image.imread(drawings.path(name))
    file = io.BytesIO()
    drawings.save(name, file)
    file.seek(0)
    drawn = matplotlib.image.imread(file)
    assert difference(drawn, stored) < MEAN_DIFFERENCE
    assert difference(drawn[:, ::-1], stored) > MEAN_DIFFERENCE


def test_weights_of_the_drawing_sum_to_the_number_under_it():
    fig = drawings.draw("weights")
    image, weights, products = (ax.images[0].get_array() for ax in fig.axes)
    np.testing.assert_allclose(products, image * weights)
    assert fig._supxlabel.get_text().endswith(f": {products.sum():.1f}")
    plt.close(fig)


def test_logo_is_what_its_program_draws():
    stored = (logo.STATIC / "logo.svg").read_text(encoding="utf-8")
    drawn = logo.svg(logo.field())
    assert stored == drawn
    squares = BeautifulSoup(drawn, "html.parser").find_all("rect")
    assert len(squares) == 101, "the card, and ten by ten squares"


def test_icon_is_what_its_program_draws():
    stored = matplotlib.image.imread(logo.STATIC / "favicon.png")
    drawn = logo.icon(logo.field()) / 255
    assert difference(drawn, stored) < 1 / 255


def test_configuration_names_logo_and_icon():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    for name in (config["logo"], config["html"]["favicon"]):
        assert (ROOT / name).is_file()
