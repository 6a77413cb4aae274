"""A picture of a run: acknowledgements a second over time, with the faults marked below, as one SVG file."""

from xml.sax.saxutils import escape

WIDTH, CHART, LEFT, TOP, ROW = 1400, 260, 120, 40, 16
LINES = ["#222", "#c71585"]  # of the workloads
COLOURS = ["#c0392b", "#2980b9", "#27ae60", "#8e44ad", "#d35400", "#16a085", "#7f8c8d", "#f39c12", "#2c3e50",
           "#e84393", "#00a8ff", "#6c5ce7", "#b71540"]


def rates(progress, began, seconds):
    """Acknowledgements in each second of the run."""
    counts = [0] * (int(seconds) + 1)
    before = 0
    for at, _, acked, *_ in progress:
        second = int(at - began)
        if 0 <= second < len(counts):
            counts[second] += acked - before
        before = acked
    return counts


def nice_step(most, steps):
    """A round step of which about `steps` make `most`."""
    step = 1
    while most / step > steps:
        step = {"1": 2, "2": 5, "5": 10}[str(step).rstrip("0") or "1"] * 10 ** (len(str(step)) - 1)
    return step


def picture(progresses, events, began, seconds, title):
    """`progresses`: of each workload, by name. `events`: (word, start, end), in the clock of the progress."""
    counts = {name: rates(progress, began, seconds) for name, progress in progresses.items()}
    words = sorted({word for word, _, _ in events})
    highest = max([1, *(count for ones in counts.values() for count in ones)])
    height = TOP + CHART + 40 + ROW * len(words) + 30
    x = lambda at: LEFT + (WIDTH - LEFT - 20) * at / max(seconds, 1)
    y = lambda count: TOP + CHART - CHART * count / highest
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
           f'font-size="11">', f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
           f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>']
    step = nice_step(highest, 5)
    for count in range(0, highest + 1, step):
        out.append(f'<line x1="{LEFT}" y1="{y(count):.1f}" x2="{WIDTH - 20}" y2="{y(count):.1f}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 8}" y="{y(count) + 4:.1f}" text-anchor="end">{count}</text>')
    step = nice_step(seconds, 12)
    for at in range(0, int(seconds) + 1, step):
        out.append(f'<text x="{x(at):.1f}" y="{TOP + CHART + 16}" text-anchor="middle">{at} s</text>')
    out.append(f'<text x="{LEFT - 8}" y="{TOP - 8}" text-anchor="end">acks/s</text>')
    for index, word in enumerate(words):
        colour = COLOURS[index % len(COLOURS)]
        row = TOP + CHART + 32 + ROW * index
        out.append(f'<text x="{LEFT - 8}" y="{row + 10}" text-anchor="end" fill="{colour}">{word}</text>')
        for name, start, end in events:
            if name != word:
                continue
            left, width = x(start - began), max(2.0, x(end - began) - x(start - began))
            out.append(f'<rect x="{left:.1f}" y="{row}" width="{width:.1f}" height="{ROW - 4}" fill="{colour}"/>'
                       f'<rect x="{left:.1f}" y="{TOP}" width="{width:.1f}" height="{CHART}" fill="{colour}" '
                       'opacity="0.08"/>')
    for index, (name, ones) in enumerate(counts.items()):
        colour = LINES[index % len(LINES)]
        points = " ".join(f"{x(at + 0.5):.1f},{y(count):.1f}" for at, count in enumerate(ones))
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.2"/>'
                   f'<text x="{WIDTH - 20}" y="{TOP - 6 - 14 * index}" text-anchor="end" fill="{colour}">{name}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"
