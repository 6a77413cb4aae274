"""A picture of curves over a rate, the values on a logarithmic scale, as one SVG file."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 1000, 520, 70, 230, 50, 50
COLOURS = ["#c0392b", "#e59866", "#8e44ad", "#c39bd3", "#1f618d", "#7fb3d5"]


def picture(curves, title, x_name="records a second", y_name="ms"):
    """`curves`: {name: [(x, y), ...]}, every y above 0."""
    all_x = [x for points in curves.values() for x, _ in points]
    all_y = [y for points in curves.values() for _, y in points]
    low, high = math.floor(math.log10(min(all_y))), math.ceil(math.log10(max(all_y)))
    high = max(high, low + 1)
    at_x = lambda x: LEFT + (WIDTH - LEFT - RIGHT) * x / max(all_x)
    at_y = lambda y: TOP + (HEIGHT - TOP - BOTTOM) * (high - math.log10(y)) / (high - low)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', f'<text x="{LEFT}" y="26" font-size="15">{escape(title)}</text>']
    for exponent in range(low, high + 1):
        y = at_y(10.0 ** exponent)
        out.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0 ** exponent:g} {y_name}</text>')
    for x in sorted(set(all_x)):
        out.append(f'<text x="{at_x(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_name)}</text>')
    for index, (name, points) in enumerate(curves.items()):
        colour = COLOURS[index % len(COLOURS)]
        line = " ".join(f"{at_x(x):.1f},{at_y(y):.1f}" for x, y in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
        row = TOP + 12 + 20 * index
        out.append(f'<rect x="{WIDTH - RIGHT + 14}" y="{row - 9}" width="14" height="8" fill="{colour}"/>'
                   f'<text x="{WIDTH - RIGHT + 34}" y="{row}">{escape(name)}</text>')
    return "\n".join([*out, "</svg>", ""])
