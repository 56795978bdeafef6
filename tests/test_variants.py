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
    assert len(headlines) >= 14
    for name, found in RESULTS.items():
        assert set(found) == headlines, name


def test_other_variants_are_refused():
    with pytest.raises(ValueError, match=r'variant is "peak 4 s"; expected one of \[\'default\''):
        data.load("twin", variant="peak 4 s")
    with pytest.raises(ValueError, match="only the twin has variants"):
        data.load("real", variant="peak 4.2 s")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["default", "peak 4.2 s"])
def test_stored_headlines_are_those_of_the_tool(name, tmp_path, monkeypatch):
    monkeypatch.setenv("BOOK_DATA_DIR", str(tmp_path))
    found = variants.headlines(data.load("twin", variant=name))
    assert {key: float(value) for key, value in found.items()} == pytest.approx(
        RESULTS[name], abs=0.02
    )
    assert (tmp_path / ("twin" if name == "default" else "twins")).is_dir()
