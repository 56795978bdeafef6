"""The explorers in a browser: mouse, touch and keyboard, against the arrays they were made from."""

import re

import browser as system
import browsers
import numpy as np
import pytest
from colours import contrast
from explorer_arrays import make_fields, make_gaussians, make_penalties
from matplotlib import colormaps
from playwright.sync_api import sync_playwright

from helpers import explorers

PIXEL = 42  # row 4, column 2


@pytest.fixture(scope="module")
def browser():
    if browsers.find() is None:
        pytest.skip(browsers.NOT_FOUND)
    with sync_playwright() as driver, system.launch(driver) as browser:
        yield browser


@pytest.fixture(scope="module")
def given():
    return {"fields": make_fields(), "penalties": make_penalties()}


@pytest.fixture
def show(browser, given, tmp_path):
    """Open an explorer in a page on disk; afterwards, complain about errors and requests."""
    contexts, complaints = [], []

    def show(name, width=760, changes=None, **options):
        make = getattr(explorers, f"explore_{name}")
        frame = make(**given[name] | (changes or {}))
        page_file = tmp_path / "page.html"
        page_file.write_text(
            f'<!doctype html><meta charset="utf-8"><body style="margin: 0">{frame}</body>',
            encoding="utf-8",
        )
        context = system.context(browser, viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url))
        page.goto(page_file.as_uri())
        inside = page.frames[1]
        if options.get("java_script_enabled", True):
            inside.wait_for_selector("main:not([hidden])")
        allowed = {page_file.as_uri(), "about:srcdoc"}
        complaints[:] = [
            said for said in complaints if said not in allowed and not said.startswith("data:")
        ]
        return page, inside

    yield show
    for context in contexts:
        context.close()
    assert not complaints


def places(given):
    return np.argwhere(given["mask"]).tolist()


def voxel_named(text):
    return [int(index) for index in re.search(r"\((\d+), (\d+), (\d+)\)", text).groups()]


def spot(inside, given, voxel):
    """Where in the window a voxel of the shown slice is drawn."""
    box = inside.locator(".slice").bounding_box()
    found = np.argwhere(given["mask"])
    first, last = found.min(axis=0) - 2, found.max(axis=0) + 2
    n_i, n_j = (last - first + 1)[:2]
    right = (last[0] - voxel[0] + 0.5) / n_i
    down = (last[1] - voxel[1] + 0.5) / n_j
    return box["x"] + right * box["width"], box["y"] + down * box["height"]


def assert_shows(inside, given, voxel):
    """All that the page says about a voxel, against the arrays."""
    n = places(given).index(list(voxel))
    name = inside.locator("#voxel-name").inner_text()
    assert voxel_named(name) == list(voxel)
    assert ("LH V1d" in name) == bool(given["areas"][n])
    score, ceiling = re.findall(r"[\d.−]+|NaN", inside.locator("#voxel-score").inner_text())[-2:]
    number = float(score.replace("−", "-"))
    np.testing.assert_allclose(number, given["scores"][n], atol=0.0051)
    np.testing.assert_allclose(float(ceiling), given["ceiling"][n], atol=0.0051)
    labels = inside.locator("[role=gridcell]").evaluate_all("cells => cells.map(c => c.ariaLabel)")
    assert len(labels) == 100
    if n in given["columns"]:
        weights = given["weights"][list(given["columns"]).index(n)]
        shown = [float(label.split("weight ")[1].replace("−", "-")) for label in labels]
        np.testing.assert_allclose(shown, weights, atol=0.0051 + np.abs(weights).max() / 250)
    else:
        assert not any("weight" in label for label in labels)
        assert "none here" in inside.locator("#field-bar").inner_text()


def start_of(given):
    return places(given)[int(np.nanargmax(given["scores"]))]


def test_mouse_shows_what_it_points_at_and_keeps_what_it_clicks(show, given):
    arrays = given["fields"]
    page, inside = show("fields")
    kept = start_of(arrays)
    assert_shows(inside, arrays, kept)
    for voxel in [voxel for voxel in places(arrays) if voxel[2] == kept[2]][::5]:
        page.mouse.move(*spot(inside, arrays, voxel))
        assert_shows(inside, arrays, voxel)
    page.mouse.move(2, 2)
    assert_shows(inside, arrays, kept)
    page.mouse.click(*spot(inside, arrays, (6, 3, kept[2])))
    page.mouse.move(2, 2)
    assert_shows(inside, arrays, (6, 3, kept[2]))
    assert f"voxel (6, 3, {kept[2]})" in inside.locator("[role=status]").inner_text()


def test_touch_keeps_a_voxel_and_a_pixel(show, given):
    arrays = given["fields"]
    page, inside = show("fields", width=320, has_touch=True, is_mobile=True)
    voxel = (4, 6, start_of(arrays)[2])
    page.touchscreen.tap(*spot(inside, arrays, voxel))
    assert_shows(inside, arrays, voxel)
    inside.locator("[role=gridcell]").nth(PIXEL).tap()
    assert inside.locator("[aria-selected=true]").count() == 1
    assert inside.locator("input[value=pixel]").is_checked()


def test_keys_step_through_voxels_and_slices(show, given):
    arrays = given["fields"]
    page, inside = show("fields")
    page.keyboard.press("Tab")
    assert inside.evaluate("document.activeElement.className") == "slice"
    page.keyboard.press("Home")
    i, j, k = start_of(arrays)
    assert_shows(inside, arrays, (i, j, k))
    to_k2 = {1: "PageUp", 2: "PageDown"}[k]
    page.keyboard.press(to_k2)
    other = 3 - k
    shown = voxel_named(inside.locator("#voxel-name").inner_text())
    assert shown[2] == other
    assert inside.locator("#k").input_value() == str(other)
    page.keyboard.press({"PageUp": "PageDown", "PageDown": "PageUp"}[to_k2])
    for key, step in {"ArrowRight": (-1, 0), "ArrowLeft": (1, 0), "ArrowUp": (0, 1),
                      "ArrowDown": (0, -1)}.items():  # fmt: skip
        before = voxel_named(inside.locator("#voxel-name").inner_text())
        page.keyboard.press(key)
        after = [before[0] + step[0], before[1] + step[1], k]
        if after in places(arrays):
            assert_shows(inside, arrays, after)
        said = inside.locator("[role=status]").inner_text()
        if after in places(arrays):
            assert f"voxel ({after[0]}, {after[1]}, {k})" in said and "of ceiling" in said


@pytest.mark.parametrize(
    ("name", "stops"),
    [("fields", ["slice", "k", "mode", "gridcell"]), ("penalties", ["penalty", "voxel", "k"])],
)
def test_tab_reaches_every_control_and_shows_where_it_is(show, name, stops):
    page, inside = show(name)
    for stop in stops:
        page.keyboard.press("Tab")
        names, outline = inside.evaluate(
            """() => {
                const here = document.activeElement;
                const drawn = here.closest('.choices label') ?? here;
                const { outlineStyle, outlineWidth } = getComputedStyle(drawn);
                return [[here.className, here.id, here.name, here.getAttribute('role')],
                        `${outlineStyle} ${outlineWidth}`];
            }"""
        )
        assert stop in names
        assert outline == "solid 3px"


def test_arrows_jump_over_a_hole_and_stop_at_the_edge(show, given):
    arrays = given["fields"]
    page, inside = show("fields")
    inside.locator("#k").fill("1")
    page.mouse.click(*spot(inside, arrays, (6, 5, 1)))
    page.mouse.move(2, 2)
    page.keyboard.press("ArrowRight")  # (5, 5, 1) is no voxel
    assert_shows(inside, arrays, (4, 5, 1))
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert_shows(inside, arrays, (3, 5, 1))


def test_pixel_shows_who_looks_at_it(show, given):
    arrays = given["fields"]
    page, inside = show("fields")
    inside.locator("[role=gridcell]").first.focus()
    for key in ["ArrowDown"] * 4 + ["ArrowRight"] * 2:
        page.keyboard.press(key)
    assert inside.evaluate("document.activeElement.ariaLabel").startswith(
        "pixel in row 4, column 2"
    )
    page.keyboard.press("Enter")
    peaks = arrays["weights"].argmax(axis=1)
    lookers = np.array(places(arrays))[arrays["columns"][peaks == PIXEL]]
    k = start_of(arrays)[2]
    text = inside.locator("#pixel-text").inner_text()
    assert re.findall(r"\d+", text)[2:] == [str(len(lookers)), str((lookers[:, 2] == k).sum())]
    assert inside.locator("[role=status]").inner_text() == text
    assert inside.locator(".looks-here").count() == (lookers[:, 2] == k).sum()
    other = int(np.bincount(peaks).argmax())  # a pixel that several look at
    inside.locator("[role=gridcell]").nth(other).click()
    lookers = np.array(places(arrays))[arrays["columns"][peaks == other]]
    for k in (1, 2):
        inside.locator("#k").fill(str(k))
        assert inside.locator(".looks-here").count() == (lookers[:, 2] == k).sum()


def test_colours_of_the_slice_are_those_of_the_scores(show, given):
    import matplotlib.pyplot as plt

    arrays = given["fields"]
    _, inside = show("fields")
    k = start_of(arrays)[2]
    image = inside.locator(".slice canvas").evaluate(
        "c => [c.width, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    pixels = np.array(image[1:]).reshape(-1, image[0], 4)[:, :, :3]
    last = np.argwhere(arrays["mask"]).max(axis=0) + 2
    for n, voxel in enumerate(places(arrays)):
        score = arrays["scores"][n]
        if voxel[2] == k and not np.isnan(score):
            shown = pixels[last[1] - voxel[1], last[0] - voxel[0]]
            colour = (
                (0xF0, 0xC6, 0xB0) if score < 0 else plt.get_cmap()(score / 0.7, bytes=True)[:3]
            )
            np.testing.assert_allclose(shown, colour, atol=4)


def test_real_recording_shows_no_truth(show):
    known = {"true_weights": None, "ceiling": None, "source": "real"}
    _, inside = show("fields", changes=known)
    assert not inside.locator("#true-panel").is_visible()
    assert not inside.locator(".score .ceiling").is_visible()
    assert "ceiling" not in inside.locator("main").inner_text()


def circle_in(inside):
    """Row, column and size of the circle that is drawn, measured against the pixels beneath it."""
    drawn = inside.locator(".gaussian-in, .gaussian-centre").evaluate_all(
        """circles => circles.map(circle => {
            const [x, y, r] = ["cx", "cy", "r"].map(name => circle[name].baseVal.value);
            const { a, d, e, f } = circle.getScreenCTM();
            return [a * x + e, d * y + f, a * r, d * r];
        })"""
    )
    if not drawn:
        return None
    (x, y, across, down), (dot_x, dot_y, *_) = drawn
    assert (x, y) == (dot_x, dot_y) and across == pytest.approx(down, abs=0.2)
    cells = inside.locator("[role=gridcell]").evaluate_all(
        """cells => cells.map(cell => {
            const { x, y, width, height } = cell.getBoundingClientRect();
            return [x + width / 2, y + height / 2];
        })"""
    )
    (left, top), (right, bottom) = cells[0], cells[-1]
    return (
        9 * (y - top) / (bottom - top),
        9 * (x - left) / (right - left),
        9 * across / (right - left),
    )


def assert_draws(inside, arrays, gaussians, voxel):
    """The circle of a voxel and all that is said about it, against the arrays."""
    said = inside.locator("#voxel-gaussian").inner_text()
    assert inside.locator(".pixels").get_attribute("aria-label").endswith(said[1:])
    n = places(arrays).index(list(voxel))
    if n not in arrays["columns"]:
        assert circle_in(inside) is None and said == "No field shown"
        return "other"
    row = list(arrays["columns"]).index(n)
    if np.isnan(gaussians["sizes"][row]):
        assert circle_in(inside) is None and said == "No population receptive field"
        return "none"
    given = [*gaussians["centres"][row], gaussians["sizes"][row]]
    np.testing.assert_allclose(circle_in(inside), given, atol=0.03)
    numbers = re.fullmatch(
        r"Population receptive field: row (.+), column (.+), size (.+) pixels", said
    ).groups()
    shown = [float(number.replace("−", "-")) for number in numbers]
    np.testing.assert_allclose(shown, given, atol=0.051)
    return "circle"


@pytest.mark.parametrize("width", [320, 760])
def test_circle_lies_over_the_weights_and_changes_with_the_voxel(show, given, width):
    arrays, gaussians = given["fields"], make_gaussians()
    page, inside = show("fields", width, changes=gaussians)
    kept = start_of(arrays)
    assert_draws(inside, arrays, gaussians, kept)
    np.testing.assert_allclose(circle_in(inside), [4, 1.5, 0.625], atol=0.03)
    said = "Population receptive field: row 4.0, column 1.5, size 0.6 pixels"
    assert inside.locator("#voxel-gaussian").inner_text() == said
    assert "one standard deviation" in inside.locator("#gaussian-legend").inner_text()
    assert not inside.locator("#true-panel svg").count()
    height = page.locator("iframe").bounding_box()["height"]
    seen = set()
    for voxel in [voxel for voxel in places(arrays) if voxel[2] == kept[2]]:
        page.mouse.move(*spot(inside, arrays, voxel))
        seen.add(assert_draws(inside, arrays, gaussians, voxel))
        assert page.locator("iframe").bounding_box()["height"] == height
    assert seen == {"circle", "none", "other"}
    page.mouse.move(2, 2)
    assert_draws(inside, arrays, gaussians, kept)


def test_keys_announce_the_gaussian(show, given):
    arrays, gaussians = given["fields"], make_gaussians()
    page, inside = show("fields", changes=gaussians)
    page.keyboard.press("Tab")
    for key in ("Home", "ArrowUp", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
        voxel = voxel_named(inside.locator("#voxel-name").inner_text())
        assert_draws(inside, arrays, gaussians, voxel)
        said = inside.locator("#voxel-gaussian").inner_text()
        assert (
            inside.locator("[role=status]").inner_text().endswith(f", {said[0].lower()}{said[1:]}")
        )


def test_circle_ends_with_the_image_and_lets_the_pixels_be_clicked(show, given):
    gaussians = make_gaussians()
    columns = given["fields"]["columns"]
    best = np.nanargmax(given["fields"]["scores"][columns])
    gaussians["centres"][best], gaussians["sizes"][best] = [4, 9.8], 6
    _, inside = show("fields", changes=gaussians)
    np.testing.assert_allclose(circle_in(inside), [4, 9.8, 6], atol=0.03)
    overlay = inside.locator(".pixels svg")
    corners = [inside.locator("[role=gridcell]").nth(place).bounding_box() for place in (0, 99)]
    box = overlay.bounding_box()
    assert (box["x"], box["y"]) == pytest.approx((corners[0]["x"], corners[0]["y"]), abs=0.1)
    assert box["x"] + box["width"] == pytest.approx(corners[1]["x"] + corners[1]["width"], abs=0.1)
    assert overlay.evaluate("svg => getComputedStyle(svg).overflow") == "hidden"
    inside.locator("[role=gridcell]").nth(49).click()  # under the circle
    assert inside.locator("[role=gridcell]").nth(49).get_attribute("aria-selected") == "true"


def test_circle_is_seen_on_every_weight(show):
    page, inside = show("fields", changes=make_gaussians())
    lines = [
        inside.locator(name).evaluate("line => getComputedStyle(line).stroke")
        for name in (".gaussian-in", ".gaussian-out")
    ]
    lines = [np.array(re.findall(r"\d+", line), dtype=float) / 255 for line in lines]
    for colour in colormaps["RdBu_r"](np.linspace(0, 1, 33)):
        assert max(contrast(line, colour[:3]) for line in lines) > 3  # what WCAG asks of graphics
    rules = [
        "aria-required-children",
        "aria-required-parent",
        "aria-hidden-focus",
        "color-contrast",
    ]
    assert system.barriers(page, only=rules) == []


def test_explorer_without_gaussians_draws_no_circle(show):
    _, inside = show("fields")
    assert circle_in(inside) is None
    assert inside.locator(".pixels").get_attribute("aria-label").endswith("pixels of the image")
    for words in ("#voxel-gaussian", "#gaussian-legend"):
        assert not inside.locator(words).is_visible()
    page_text = inside.locator("main").inner_text()
    assert "population" not in page_text and "circle" not in page_text


def wide(arrays):
    """The same explorer with images of 9 x 16 pixels."""
    weights = np.random.default_rng(10).normal(size=(len(arrays["columns"]), 144))
    return {"weights": weights, "true_weights": weights[::-1] ** 2, "shape": (9, 16)}


def picture_on(canvas):
    """The drawn colours of a canvas, (rows, columns, 3)."""
    width, *values = canvas.evaluate(
        "c => [c.width, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    return np.array(values).reshape(-1, width, 4)[:, :, :3]


def drawn_ratio(element):
    box = element.bounding_box()
    return box["width"] / box["height"]


def test_images_that_are_not_square_keep_their_rows(show, given):
    arrays = given["fields"] | wide(given["fields"])
    gaussians = make_gaussians()
    best = np.nanargmax(arrays["scores"][arrays["columns"]])
    gaussians["centres"][best] = [6, 13.5]
    page, inside = show("fields", changes=wide(given["fields"]) | gaussians)
    cells = inside.locator("[role=gridcell]")
    assert cells.count() == 144
    assert inside.locator(".pixels [role=row]").count() == 9
    labels = cells.evaluate_all("cells => cells.map(c => c.ariaLabel)")
    assert labels[6 * 16 + 13].startswith("pixel in row 6, column 13, weight")
    shown = [float(label.split("weight ")[1].replace("−", "-")) for label in labels]
    np.testing.assert_allclose(shown, arrays["weights"][best], atol=0.02)
    first, right, below = (cells.nth(n).bounding_box() for n in (0, 15, 128))
    assert first["width"] == pytest.approx(first["height"], rel=0.05)
    assert right["x"] > first["x"] and right["y"] == first["y"] and below["x"] == first["x"]
    assert drawn_ratio(inside.locator(".pixels")) == pytest.approx(16 / 9, rel=0.02)
    dot = inside.locator(".gaussian-centre").bounding_box()
    middle = (cells.nth(6 * 16 + n).bounding_box() for n in (13, 14))
    left, edge = (box["x"] for box in middle)
    assert dot["x"] + dot["width"] / 2 == pytest.approx(edge, abs=1) and left < dot["x"]
    cells.nth(0).focus()
    for key, place in {"End": 15, "ArrowDown": 31, "ArrowRight": 31, "Home": 16}.items():
        page.keyboard.press(key)
        said = inside.evaluate("document.activeElement.ariaLabel")
        assert said.startswith(f"pixel in row {place // 16}, column {place % 16}")
    truth = inside.locator("#true-field")
    assert drawn_ratio(truth) == pytest.approx(16 / 9, rel=0.02)
    colours = picture_on(truth)
    assert colours.shape == (9, 16, 3)
    peak = np.unravel_index(arrays["true_weights"][best].argmax(), (9, 16))
    assert f"row {peak[0]}, column {peak[1]}" in truth.get_attribute("aria-label")
    red = np.array(colormaps["RdBu_r"](1.0, bytes=True)[:3])
    np.testing.assert_allclose(colours[peak], red, atol=4)


def test_weights_that_are_not_square_keep_their_rows(show):
    weights = np.zeros((20, 2, 144))
    weights[:, 0, 3 * 16 + 12] = 1
    _, inside = show("penalties", changes={"weights": weights, "shape": (9, 16)})
    canvas = inside.locator("#weights")
    assert "row 3, column 12" in canvas.get_attribute("aria-label")
    assert drawn_ratio(canvas) == pytest.approx(16 / 9, rel=0.02)
    colours = picture_on(canvas)
    assert colours.shape == (9, 16, 3)
    different = (colours != colours[0, 0]).any(axis=2)
    np.testing.assert_array_equal(np.argwhere(different), [[3, 12]])


def everything(inside):
    """What the slider of the penalty moves together."""
    return {
        "weights": inside.locator("#weights").evaluate("c => c.toDataURL()"),
        "map": inside.locator(".slice canvas").evaluate("c => c.toDataURL()"),
        "course": inside.locator("#course polyline").nth(1).get_attribute("points"),
        "point": inside.locator("#curve circle").last.get_attribute("cx"),
        "voxel": inside.locator("#voxel-line").inner_text(),
        "all": inside.locator("#map-line").inner_text(),
        "run": inside.locator("#course-title").inner_text(),
    }


def test_one_slider_moves_everything(show, given):
    arrays = given["penalties"]
    page, inside = show("penalties")
    page.keyboard.press("Tab")
    assert inside.evaluate("document.activeElement.id") == "penalty"
    before = everything(inside)
    page.keyboard.press("ArrowRight")
    after = everything(inside)
    assert all(before[part] != after[part] for part in before)
    assert inside.locator("#penalty").get_attribute("aria-valuetext") == "penalty 215"
    for place, key in {0: "Home", 1: "ArrowRight", 19: "End", 18: "ArrowLeft"}.items():
        page.keyboard.press(key)
        shown = float(re.search(r"R² ([\d.−]+)", everything(inside)["voxel"])[1].replace("−", "-"))
        assert shown == pytest.approx(arrays["scores"][place, 4], abs=0.0051)
        share = f"{(arrays['scores'][place] > 0).mean():.0%}"
        assert f"{share} above 0" in everything(inside)["all"]
    assert "1,000,000" in inside.locator("[role=status]").inner_text()


def test_curve_is_drawn_where_its_numbers_are(show, given):
    _, inside = show("penalties")
    points = inside.locator("#course polyline").first.get_attribute("points")
    x, y = np.array([point.split(",") for point in points.split()], dtype=float).T
    measured = given["penalties"]["measured"][:, 0]
    assert np.corrcoef(y, measured)[0, 1] < -0.9999  # downwards is positive in a picture
    assert np.ptp(np.diff(x)) < 0.01
    dots = inside.locator("#curve circle").evaluate_all(
        "dots => dots.map(dot => dot.cy.baseVal.value)"
    )
    assert np.corrcoef(dots[:20], given["penalties"]["scores"][:, 4])[0, 1] < -0.9999
    assert dots[20] == dots[6]


def test_another_voxel_by_keyboard(show, given):
    arrays = given["penalties"]
    page, inside = show("penalties")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    before = everything(inside)
    page.keyboard.press("ArrowRight")
    after = everything(inside)
    assert voxel_named(after["voxel"]) == places(arrays)[60]
    moved = {"weights", "course", "voxel", "run"}
    assert all(before[part] != after[part] for part in moved)
    assert "<b>the poorest</b>" in inside.locator("fieldset").inner_text()  # text, not markup


@pytest.mark.parametrize("width", [320, 480, 760])
@pytest.mark.parametrize("name", ["fields", "gaussians", "penalties"])
def test_frame_fits_its_width_and_its_height(show, name, width):
    if name == "gaussians":
        page, inside = show("fields", width, changes=make_gaussians())
    else:
        page, inside = show(name, width)
    size = inside.evaluate(
        "['scrollWidth', 'clientWidth', 'scrollHeight', 'clientHeight']"
        ".map(name => document.documentElement[name])"
    )
    assert size[0] <= size[1] and size[2] <= size[3]
    assert size[3] == page.locator("iframe").bounding_box()["height"]
    too_far = inside.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => !e.closest('.unseen') &&"
        f" e.getBoundingClientRect().right > {width} + 1).map(e => e.outerHTML.slice(0, 60))"
    )
    assert not too_far
    small = inside.evaluate(
        "[...document.querySelectorAll('main *')].filter(e =>"
        " parseFloat(getComputedStyle(e).fontSize) < 12).map(e => e.outerHTML.slice(0, 60))"
    )
    assert not small
    page.set_viewport_size({"width": width + 60, "height": 900})
    inside.wait_for_function("document.documentElement.scrollHeight <= window.innerHeight")


@pytest.mark.parametrize("name", ["fields", "penalties"])
def test_picture_without_scripts(show, name):
    _, inside = show(name, java_script_enabled=False)
    picture = inside.locator("noscript img")
    assert picture.is_visible() and picture.bounding_box()["width"] > 500
    assert not inside.locator("main").is_visible()
