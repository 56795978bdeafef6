"""The explorers' frames: what they hold, how exactly, and what they refuse. No browser."""

import base64
import json
import re
import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from bs4 import BeautifulSoup
from explorer_arrays import make_fields, make_gaussians, make_mask, make_penalties

from helpers import explorers
from helpers._explorers import page
from helpers._explorers.data import list_gaussians, pack, pack_map

HELPERS = Path(explorers.__file__).parent
LIMIT = 600_000  # characters a page may spend on an explorer


def unpack(packed, shape=(-1,)):
    """Decode as explorers.js does."""
    codes = np.frombuffer(base64.b64decode(packed["data"]), dtype=f"<u{packed['bytes']}")
    values = packed["low"] + packed["step"] * (codes.astype(float) - 1)
    return np.where(codes == 0, np.nan, values).reshape(shape)


def inside(frame):
    outer = BeautifulSoup(frame, "html.parser")
    assert [tag.name for tag in outer.find_all(True, recursive=False)] == ["iframe"]
    return BeautifulSoup(outer.iframe["srcdoc"], "html.parser")


def data_of(frame):
    return json.loads(inside(frame).find(id="data").string)


def picture_of(frame):
    """The pixels of the picture for readers without scripts."""
    png = inside(frame).find("noscript").img["src"].removeprefix("data:image/png;base64,")
    return matplotlib.image.imread(BytesIO(base64.b64decode(png)))


@pytest.fixture(scope="module")
def fields():
    return make_fields()


@pytest.fixture(scope="module")
def gaussians():
    return make_gaussians()


@pytest.fixture(scope="module")
def penalties():
    return make_penalties()


@pytest.fixture(scope="module")
def frames(fields, penalties):
    return {
        "fields": explorers.explore_fields(**fields),
        "penalties": explorers.explore_penalties(**penalties),
    }


NAMES = pytest.mark.parametrize("name", ["fields", "penalties"])


@NAMES
def test_frame_is_whole_titled_and_asks_no_other_file(frames, name):
    outer = BeautifulSoup(frames[name], "html.parser")
    assert len(outer.iframe["title"]) > 40
    page = inside(frames[name])
    assert not re.search(r"https?:|//[a-z]|url\(|\bfetch\(|import\(", str(page.find("style")))
    for tag in page.find_all(True):
        assert not tag.get("href") and str(tag.get("src", "data:")).startswith("data:")
    assert "http" not in outer.iframe["srcdoc"]
    assert page.html["lang"] == "en"


@NAMES
def test_reader_without_scripts_gets_a_picture(frames, name):
    page = inside(frames[name])
    picture = page.find("noscript").img
    png = base64.b64decode(picture["src"].removeprefix("data:image/png;base64,"))
    assert png.startswith(b"\x89PNG")
    assert 3_000 < len(png) < 60_000
    assert len(picture["alt"]) > 40
    assert page.main.has_attr("hidden")  # until the script shows it


@NAMES
def test_controls_have_names_and_the_status_is_announced(frames, name):
    page = inside(frames[name])
    assert page.find(attrs={"role": "status", "aria-live": "polite"})
    for control in page.select("input[type=range]"):
        assert page.select_one(f'label[for="{control["id"]}"]').get_text(strip=True)
    for group in page.find_all("fieldset"):
        assert group.legend.get_text(strip=True)
    for drawn in page.select("[role=application], [role=grid]"):
        assert len(drawn["aria-label"]) > 10
    assert page.select_one(".source") is not None
    assert "simulated twin" in data_of(frames[name])["source"]


def test_numbers_come_back_within_half_a_step(fields, frames):
    data = data_of(frames["fields"])
    scores = unpack(data["scores"])
    assert np.isnan(scores[3]) and np.isnan(scores).sum() == 2
    np.testing.assert_allclose(scores, fields["scores"], atol=1e-5)
    np.testing.assert_allclose(unpack(data["ceiling"]), fields["ceiling"], atol=1e-5)
    for key, given in {"fields": fields["weights"], "truth": fields["true_weights"]}.items():
        largest = unpack(data[key]["largest"])[:, np.newaxis]
        apart = np.abs(unpack(data[key]["shares"], given.shape) * largest - given)
        # A pixel has one byte: its step is 1/127 of the voxel's largest weight.
        assert (apart <= largest / 254 + data[key]["largest"]["step"]).all()
        assert (apart > 0).any()
    assert data["peaks"] == fields["weights"].argmax(axis=1).tolist()
    assert data["start"] == np.nanargmax(fields["scores"])


def test_each_penalty_has_its_own_arrays(penalties, frames):
    data = data_of(frames["penalties"])
    rows = unpack(data["predicted"], (20, 2, 30))
    np.testing.assert_allclose(rows, penalties["predicted"].transpose(0, 2, 1), atol=1e-4)
    np.testing.assert_allclose(
        unpack(data["measured"], (2, 30)), penalties["measured"].T, atol=1e-4
    )
    np.testing.assert_allclose(
        unpack(data["weights"], (20, 2, 100)), penalties["weights"], atol=1e-4
    )
    picked = penalties["scores"][:, [4, 60]]
    np.testing.assert_allclose(unpack(data["scores"], (20, 2)), picked, atol=1e-4)
    residual = penalties["measured"][:, 1] - penalties["predicted"][7][:, 1]
    expected = 1 - (residual**2).mean() / penalties["measured"][:, 1].var()
    assert data["run_scores"][7][1] == pytest.approx(expected)
    assert data["best"] == picked.argmax(axis=0).tolist()
    assert data["penalties"][0] == "1" and data["penalties"][6] == "100"
    assert data["penalties"][-1] == "2,154,435"
    assert data["shades"] == [[6, 12], [18, 24], [30, 36], [42, 48], [54, 60]]
    assert data["above_zero"][2] == f"{(penalties['scores'][2] > 0).mean():.0%}"


def test_voxels_come_back_in_mask_order(fields, frames):
    volume = data_of(frames["fields"])["volume"]
    bits = np.unpackbits(np.frombuffer(base64.b64decode(volume["mask"]), np.uint8))
    window = bits[: np.prod(volume["shape"])].reshape(volume["shape"]).astype(bool)
    np.testing.assert_array_equal(
        np.argwhere(window) + volume["first"], np.argwhere(fields["mask"])
    )
    grey = unpack(volume["background"], volume["shape"])
    first, shape = volume["first"], volume["shape"]
    cut = fields["background"][tuple(slice(a, a + n) for a, n in zip(first, shape, strict=True))]
    assert np.corrcoef(grey.ravel(), cut.ravel())[0, 1] > 0.99


def test_score_below_0_keeps_its_colour_on_the_map():
    drawn = unpack(pack_map(np.array([[-1e-9, 0.0, 1e-9, 0.3, 2.0, np.nan]]), top=0.6))
    assert drawn[0] < 0 and drawn[1] == drawn[2] == 0 and drawn[4] == 0.6
    assert drawn[3] == pytest.approx(0.3, abs=0.003) and np.isnan(drawn[5])


def test_gaussians_come_back_with_the_voxels_of_the_weights(fields, gaussians):
    data = data_of(explorers.explore_fields(**fields | gaussians))
    assert len(data["gaussians"]) == len(data["columns"])
    for place, (centre, size) in enumerate(zip(*gaussians.values(), strict=True)):
        if place % 3 == 0 and place != np.nanargmax(fields["scores"][fields["columns"]]):
            assert data["gaussians"][place] is None
        else:
            np.testing.assert_allclose(data["gaussians"][place], [*centre, size], rtol=5e-4)


def test_gaussian_far_outside_leaves_the_others_exact():
    far = list_gaussians(np.array([[1e9, 0], [4, 1.5]]), np.array([1e8, 0.6]))
    assert far == [[1e9, 0, 1e8], [4, 1.5, 0.6]]


def test_explorer_without_gaussians_says_nothing_of_them(fields, frames):
    assert "gaussians" not in data_of(frames["fields"])
    page = inside(frames["fields"])
    assert "Circle" not in page.find("noscript").get_text()
    for place in ("#gaussian-legend", "#voxel-gaussian"):
        assert page.select_one(place).has_attr("hidden")
    none = {"centres": np.full((len(fields["columns"]), 2), np.nan)}
    none["sizes"] = none["centres"][:, 0]
    frame = explorers.explore_fields(**fields | none)
    assert set(data_of(frame)["gaussians"]) == {None}
    assert "Circle" not in inside(frame).find("noscript").get_text()
    np.testing.assert_array_equal(picture_of(frame), picture_of(frames["fields"]))


def test_picture_without_scripts_has_the_circle_where_it_belongs(fields, gaussians, frames):
    best = np.nanargmax(fields["scores"][fields["columns"]])
    plain = picture_of(frames["fields"])

    def drawn(row, column, size):
        """First and last dot, down and across, in which the picture differs from one without."""
        centres, sizes = gaussians["centres"].copy(), gaussians["sizes"].copy()
        centres[best], sizes[best] = (row, column), size
        frame = explorers.explore_fields(**fields | {"centres": centres, "sizes": sizes})
        assert "Circle: the Gaussian" in inside(frame).find("noscript").img["alt"]
        dots = np.argwhere((picture_of(frame) != plain).any(axis=2))
        return np.array([dots.min(axis=0), dots.max(axis=0)]) if len(dots) else None

    left, right = drawn(4, 2, 1), drawn(4, 6, 1)
    pixel = (right - left)[0, 1] / 4
    assert pixel > 10
    np.testing.assert_allclose(right - left, [[0, 4 * pixel]] * 2, atol=1)
    np.testing.assert_allclose(drawn(6, 2, 1) - left, [[2 * pixel, 0]] * 2, atol=1)
    np.testing.assert_allclose(drawn(4, 2, 2) - left, [[-pixel] * 2, [pixel] * 2], atol=1)
    assert drawn(4, 20, 1) is None, "outside the image"


def test_real_recording_shows_neither_truth_nor_ceiling(fields):
    known = {"true_weights": None, "ceiling": None, "source": "real"}
    data = data_of(explorers.explore_fields(**fields | known))
    assert "truth" not in data and "ceiling" not in data
    assert "Miyawaki" in data["source"]


def test_names_cannot_end_the_script_or_the_frame(fields):
    areas = ['</script><img src=x onerror="alert(1)">'] * len(fields["areas"])
    frame = explorers.explore_fields(**fields | {"areas": areas})
    assert data_of(frame)["areas"] == areas[:1]
    assert len(inside(frame).find_all("img")) == 1  # the picture


def test_whole_recording_stays_under_the_limit():
    """The size of the twin: 5438 voxels, 943 of them with fields, 20 penalties."""
    rng = np.random.default_rng(8)
    mask = np.zeros((64, 64, 30), dtype=bool)
    mask[15:55, 4:28, 4:21] = rng.random((40, 24, 17)) < 0.3333
    n = int(mask.sum())
    assert abs(n - 5438) < 200
    brain = rng.uniform(size=mask.shape)
    frame = explorers.explore_fields(
        mask, brain, rng.uniform(-0.1, 0.6, n), rng.normal(size=(943, 100)), np.arange(943),
        rng.choice(["LH V1d", "RH V1v", "LH V2d"], n), "twin", rng.uniform(size=(943, 100)),
        rng.uniform(size=n), centres=rng.uniform(-1.5, 10.5, (943, 2)),
        sizes=rng.uniform(0.4, 5, 943),
    )  # fmt: skip
    assert len(frame) < LIMIT
    frame = explorers.explore_penalties(
        mask, brain, 10 ** (np.arange(20) / 3), rng.uniform(-0.1, 0.6, (20, n)),
        dict(zip("abcd", range(4), strict=True)), rng.normal(size=(20, 4, 100)),
        rng.normal(size=(143, 4)), rng.normal(size=(20, 143, 4)), np.arange(143) % 6 > 2, 2.0,
        "twin",
    )  # fmt: skip
    assert len(frame) < LIMIT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"background": np.zeros((12, 10, 5))}, "resample the background"),
        ({"mask": np.zeros((12, 10, 4))}, "holds no voxel"),
        ({"mask": np.where(make_mask(), 1, np.nan)}, "NaN at 409 places"),
        ({"mask": np.ma.masked_less(make_mask() * 1.0, 1)}, "409 masked values"),
        ({"background": np.ma.masked_less(make_mask() * 1.0, 1)}, "409 masked values"),
        ({"shape": (9, 16)}, "100 values a voxel; expected 144, .* of 9 x 16: say shape"),
        ({"shape": 100}, "shape is 100; expected"),
        ({"scores": np.zeros(70)}, r"scores has shape \(70,\); expected \(71,\)"),
        ({"areas": ["V1"]}, r"areas has shape \(1,\); expected \(71,\)"),
        ({"columns": np.zeros(71, dtype=bool)}, "np.flatnonzero"),
        ({"columns": np.arange(3)}, "one for each voxel with weights"),
        ({"true_weights": np.zeros((2, 100))}, r"true_weights has shape \(2, 100\)"),
        ({"ceiling": np.zeros(3)}, "ceiling has shape"),
        ({"scores": np.full(71, np.nan)}, "No voxel with weights has a score"),
        ({"source": "twins"}, "source"),
    ],
)
def test_fields_that_do_not_fit_are_refused(fields, change, message):
    with pytest.raises(ValueError, match=message):
        explorers.explore_fields(**fields | change)


CENTRES, SIZES = make_gaussians().values()


def changed(values, place, value):
    """A copy with another value at one place."""
    values = values.copy()
    values[place] = value
    return values


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": None}, "centres was given without sizes; expected both .* pass sizes"),
        ({"centres": None}, "sizes was given without centres; expected both .* pass centres"),
        ({"centres": CENTRES[1:]}, r"shape \(\d+, 2\) and sizes \(\d+,\); .* the same voxels"),
        ({"centres": CENTRES.T}, r"centres has shape \(2, \d+\)"),
        ({"sizes": SIZES[:, np.newaxis]}, r"and sizes \(\d+, 1\); expected"),
        ({"centres": changed(CENTRES, (1, 0), np.inf)}, "infinite in 1 of .* first in row 1"),
        ({"sizes": changed(SIZES, 2, -np.inf)}, "infinite in .* first in row 2.* to NaN"),
        ({"sizes": changed(SIZES, 1, 0)}, "1 of .* not positive, first 0 in row 1.* to NaN"),
        ({"sizes": changed(SIZES, 2, -0.5)}, "not positive, first -0.5 in row 2"),
        ({"centres": changed(CENTRES, (1, 1), np.nan)}, r"only some .* row 1, centre \[-0.75, nan"),
        (
            {"centres": changed(CENTRES, 1, np.nan)},
            r"centre \[nan, nan\], size 2.0.* set all to NaN",
        ),
        ({"sizes": changed(SIZES, 1, np.nan)}, "only some numbers are NaN; the first is row 1"),
    ],
)
def test_gaussians_that_are_none_are_refused(fields, gaussians, change, message):
    with pytest.raises(ValueError, match=message):
        explorers.explore_fields(**fields | gaussians | change)


def test_fields_of_voxels_outside_the_mask_are_refused(fields):
    columns = fields["columns"].copy()
    for wrong in (71, -1, int(columns[1])):
        columns[0] = wrong
        with pytest.raises(ValueError, match="expected different columns from 0 to 70"):
            explorers.explore_fields(**fields | {"columns": columns})


def test_fields_with_nan_are_refused(fields):
    weights = fields["weights"].copy()
    weights[2, 5] = np.nan
    with pytest.raises(ValueError, match="weights"):
        explorers.explore_fields(**fields | {"weights": weights})


def test_images_that_are_not_square_are_drawn_in_their_rows(fields, penalties, monkeypatch):
    drawn = []
    draw = page.plotting.draw_pixels
    monkeypatch.setattr(
        page.plotting, "draw_pixels", lambda ax, *given: drawn.append(given[0]) or draw(ax, *given)
    )
    rng = np.random.default_rng(4)
    weights = rng.normal(size=(len(fields["columns"]), 144))
    wide = {"weights": weights, "true_weights": -weights, "shape": (9, 16)}
    data = data_of(explorers.explore_fields(**fields | wide))
    assert data["shape"] == [9, 16]
    assert data["peaks"] == weights.argmax(axis=1).tolist()
    best = np.nanargmax(fields["scores"][fields["columns"]])
    rows = [weights[best, 16 * row : 16 * row + 16] for row in range(9)]
    np.testing.assert_array_equal(drawn, [rows, np.negative(rows)])
    wide = {"weights": rng.normal(size=(20, 2, 144)), "shape": (9, 16)}
    assert data_of(explorers.explore_penalties(**penalties | wide))["shape"] == [9, 16]
    np.testing.assert_array_equal(drawn[-1][3], wide["weights"][6, 0, 48:64])
    assert drawn[-1].shape == (9, 16)


def test_fields_that_are_no_square_are_refused(fields):
    known = {"weights": fields["weights"][:, :99], "true_weights": None}
    with pytest.raises(
        ValueError, match=r"99 values a voxel; expected 100, .* of 10 x 10: say shape"
    ):
        explorers.explore_fields(**fields | known)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"penalties": np.arange(20.0)}, "Penalties not above zero"),
        ({"penalties": 10.0 ** -np.arange(20)}, "in rising order"),
        ({"penalties": [100.0], "start": 0}, "two or more"),
        ({"start": 20}, "start is 20; expected the place of a penalty, 0 to 19"),
        ({"scores": np.zeros((19, 71))}, r"scores has shape \(19, 71\); expected \(20, 71\)"),
        ({"voxels": {"a": 1, "b": 71}}, "expected different columns"),
        ({"voxels": {}}, "expected"),
        ({"weights": np.zeros((20, 3, 100))}, "weights has shape"),
        ({"weights": np.zeros((20, 2, 50))}, "50 values a voxel; expected 100"),
        ({"measured": np.zeros((29, 2))}, r"predicted has shape \(20, 30, 2\); expected"),
        ({"is_on": np.zeros(3)}, "is_on has shape"),
        ({"measured": np.ones((30, 2))}, "constant over the run"),
        ({"scores": np.full((20, 71), np.nan)}, "scores of the chosen voxels has 40 values"),
        ({"predicted": np.full((20, 30, 2), np.inf)}, "predicted has 1200 values"),
        ({"predicted": np.full((20, 30, 2), np.nan)}, r"first at \(0, 0, 0\)"),
    ],
)
def test_penalties_that_do_not_fit_are_refused(penalties, change, message):
    with pytest.raises(ValueError, match=message):
        explorers.explore_penalties(**penalties | change)


@pytest.mark.parametrize("n_bytes", [1, 2])
def test_pack_keeps_ends_exact_and_refuses_what_it_cannot_hold(n_bytes):
    values = np.array([-1, 0.3, np.nan, 1])
    packed = pack(values, n_bytes, limits=(-1, 1))
    np.testing.assert_allclose(unpack(packed), values, atol=packed["step"] / 2 + 1e-12)
    assert unpack(packed)[[0, 3]].tolist() == [-1, 1]
    assert unpack(pack([2.5, 2.5])).tolist() == [2.5, 2.5]
    with pytest.raises(ValueError, match="reach from -1 to 1"):
        pack(values, n_bytes, limits=(0, 1))
    with pytest.raises(ValueError, match="0 are not NaN"):
        pack([np.nan])


@pytest.mark.parametrize(
    "script", sorted(HELPERS.glob("_explorers/*.js")), ids=lambda path: path.name
)
def test_script_is_well_formed(script):
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node to read the scripts with; the browser tests run them")
    done = subprocess.run([node, "--check", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text = script.read_text(encoding="utf-8")
    assert '"use strict";' in text and "</script" not in text and "http" not in text
