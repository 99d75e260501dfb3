# SPDX-License-Identifier: Apache-2.0
# run-tests: once
"""bench/draw.py: the pictures show the figures they were given, in proportion."""
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from support.broker import ROOT

sys.path.insert(0, f"{ROOT}/bench")
import draw  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def drawn(path):
    root = ElementTree.parse(path).getroot()
    return root, [t.text for t in root.iter(f"{SVG}text")]


def test_bars_are_as_long_as_their_figures(tmp_path):
    draw.table([("p2p-q0", 8.0, 2.0, "µs"), ("conns <1>", 1500, 3000, "bytes")], tmp_path / "t.svg")
    root, words = drawn(tmp_path / "t.svg")
    theirs, ours, theirs_2, ours_2 = (float(r.get("width")) for r in root.iter(f"{SVG}rect"))
    assert ours == pytest.approx(theirs / 4, abs=0.1)
    assert theirs_2 == pytest.approx(ours_2 / 2, abs=0.1) and ours_2 == theirs
    assert {"p2p-q0", "conns <1>", "8 µs", "2 µs", "1,500 bytes", "3,000 bytes"} <= set(words)


def test_what_does_not_grow_is_a_flat_line(tmp_path):
    rows = [("subs", "µs", x, y) for x, y in ((1000, 0.5), (10_000, 0.5), (1_000_000, 0.5))]
    rows += [("workers", "µs", x, y) for x, y in ((1, 2), (2, 4))]
    draw.growth(rows, tmp_path / "g.svg")
    root, words = drawn(tmp_path / "g.svg")
    flat, steep = ([tuple(map(float, p.split(","))) for p in line.get("points").split()]
                   for line in root.iter(f"{SVG}polyline"))
    assert len({y for _, y in flat}) == 1
    assert flat[1][0] - flat[0][0] == pytest.approx((flat[2][0] - flat[1][0]) / 2, abs=0.2)  # a logarithm
    assert steep[1][1] < steep[0][1]
    assert {"µs by subs", "µs by workers", "1k", "10k", "1M"} <= set(words)


@pytest.mark.parametrize("number, words", [(0.1234, "0.123"), (807.3, "807"), (1024, "1.02k"), (1_048_576, "1.05M")])
def test_numbers_are_short(number, words):
    assert draw.short(number) == words
