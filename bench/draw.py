# SPDX-License-Identifier: Apache-2.0
"""Pictures of what was measured, as SVG: plain shapes and text, no library, readable on light and dark."""

import html
import itertools
import math

INK, PALE, OURS, THEIRS = "#57606a", "#d0d7de", "#0969da", "#bf8700"
FONT = 'font-family="sans-serif" font-size="12"'


def text(x, y, words, anchor="start", colour=INK, size=None):
    size = f' font-size="{size}"' if size else ""
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{size}>'
            f"{html.escape(words)}</text>")


def line(x1, y1, x2, y2, colour=PALE):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def save(path, width, height, shapes):
    with open(path, "w", encoding="utf-8") as out:
        out.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                  f'viewBox="0 0 {width} {height}" {FONT}>\n' + "\n".join(shapes) + "\n</svg>\n")


def short(n):
    """1000000 is 1M."""
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if n >= size:
            return f"{n / size:.3g}{unit}"
    return f"{n:.3g}"


class Curve:
    """One axis of growth: x logarithmic, y from nothing, so that flat looks flat."""

    WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 340, 210, 52, 36, 34

    def __init__(self, x, y, name, figure, points):
        self.x, self.y, self.name, self.figure, self.points = x, y, name, figure, points
        xs = [p for p, _ in points]
        self.low, self.high = math.log(min(xs)), math.log(max(max(xs), min(xs) + 1))
        self.most = max(v for _, v in points) * 1.15

    def at(self, x, y):
        across = (math.log(x) - self.low) / (self.high - self.low)
        width = self.WIDTH - self.LEFT - 24
        height = self.HEIGHT - self.TOP - self.BOTTOM
        return self.x + self.LEFT + across * width, self.y + self.TOP + height * (1 - y / self.most)

    def shapes(self):
        left, floor = self.at(self.points[0][0], 0)
        right, _ = self.at(self.points[-1][0], 0)
        yield text(self.x + self.LEFT, self.y + 16, f"{self.figure} by {self.name}")
        yield line(left, floor, right, floor, INK)
        for part in (0.5, 1.0):
            _, y = self.at(self.points[0][0], self.most / 1.15 * part)
            yield line(left, y, right, y)
            yield text(left - 6, y + 4, short(self.most / 1.15 * part), "end")
        for x, _ in self.points[::2 if len(self.points) > 6 else 1]:
            yield text(self.at(x, 0)[0], floor + 16, short(x), "middle", size=10)
        spots = [self.at(*p) for p in self.points]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in spots)
        yield f'<polyline points="{path}" fill="none" stroke="{OURS}" stroke-width="2"/>'
        for a, b in spots:
            yield f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{OURS}"/>'


def growth(rows, path):
    """`rows` as in docs/growth.csv: axis, figure, x, median."""
    curves = [(key, [(float(r[2]), float(r[3])) for r in group])
              for key, group in itertools.groupby(rows, key=lambda r: (r[0], r[1]))]
    shapes = []
    for i, ((name, figure), points) in enumerate(curves):
        shapes += Curve(i % 2 * Curve.WIDTH, i // 2 * Curve.HEIGHT, name, figure, points).shapes()
    save(path, 2 * Curve.WIDTH, (len(curves) + 1) // 2 * Curve.HEIGHT, shapes)


ROW, NAMES, BARS = 34, 190, 420


def table(rows, path):
    """`rows`: (what, mosquitto's figure, nightjar's, unit); each pair on a scale of its own, its
    longer bar full."""
    shapes = [text(NAMES, 16, "mosquitto 2.0.11", colour=THEIRS), text(NAMES + 130, 16, "nightjar", colour=OURS)]
    for i, (what, theirs, ours, unit) in enumerate(rows):
        y = 28 + i * ROW
        shapes.append(text(NAMES - 10, y + 16, what, "end"))
        for k, (figure, colour) in enumerate(((theirs, THEIRS), (ours, OURS))):
            long = BARS * figure / max(theirs, ours)
            shapes.append(f'<rect x="{NAMES}" y="{y + 12 * k}" width="{max(long, 1):.1f}" height="10" '
                          f'fill="{colour}"/>')
            shapes.append(text(NAMES + long + 6, y + 9 + 12 * k, f"{figure:,.3g} {unit}"
                               if figure < 1000 else f"{figure:,.0f} {unit}", size=10))
    save(path, NAMES + BARS + 110, 36 + len(rows) * ROW, shapes)
