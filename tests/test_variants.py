"""The headlines on the variants of the twin: stored for all of them, and as the tool gives them."""

import json

import pytest
import variants

from helpers import data
from helpers.twin import VARIANTS

RESULTS = json.loads(variants.RESULTS.read_text(encoding="utf-8"))


def test_every_variant_has_every_headline():
    assert list(RESULTS) == list(VARIANTS)
    headlines = set(RESULTS["default"])
    assert len(headlines) >= 20
    for name, found in RESULTS.items():
        assert set(found) == headlines, name


def test_other_variants_are_refused():
    with pytest.raises(ValueError, match=r'variant is "peak 4 s"; expected one of \[\'default\''):
        data.load("twin", variant="peak 4 s")
    with pytest.raises(ValueError, match="only the twin has variants"):
        data.load("real", variant="peak 4.2 s")


def test_only_pixels_with_an_area_mislead_the_standard_errors_of_sizes():
    """What two pages say about the stored numbers."""
    for name, found in RESULTS.items():
        assert found["centre covered, PRF"] == pytest.approx(0.95, abs=0.03), name
        if name == "pixels with an area":
            assert found["size ratio, PRF"] > 1.05
            assert found["size covered, PRF"] < 0.9
        else:
            assert found["size ratio, PRF"] == pytest.approx(1, abs=0.02), name
            assert found["size covered, PRF"] == pytest.approx(0.95, abs=0.03), name


def test_stored_errors_of_fields_are_those_of_the_tool():
    found = variants._fields_at_once(data.load("twin"))
    stored = {name: RESULTS["default"][name] for name in found}
    assert {name: float(value) for name, value in found.items()} == pytest.approx(stored, abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["default", "peak 4.2 s"])
def test_stored_headlines_are_those_of_the_tool(name, tmp_path, monkeypatch):
    monkeypatch.setenv("BOOK_DATA_DIR", str(tmp_path))
    found = variants.headlines(data.load("twin", variant=name))
    assert {key: float(value) for key, value in found.items()} == pytest.approx(
        RESULTS[name], abs=0.02
    )
    assert (tmp_path / ("twin" if name == "default" else "twins")).is_dir()
