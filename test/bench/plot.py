"""Draw ratios as horizontal bars with their intervals: SVG, without any library.

The picture brings its own background, and another set of colours for dark pages; text
has a contrast of more than 7 to it in both.
"""
from html import escape
from typing import Any, NamedTuple

LEFT, WIDTH, RIGHT = 230, 520, 150      # names, bars, values
ROW, GAP, TOP, BOTTOM = 19, 34, 74, 40
FIRST, LAST = 0.9, 2.5                  # of the axis; what is longer is cut off
TICKS = (1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5)

STYLE = """
  .page { fill: #ffffff; } text { fill: #1f2328; font: 12px sans-serif; }
  .title { font-size: 16px; font-weight: bold; } .measure { font-weight: bold; }
  .tick { stroke: #d1d9e0; } .one { stroke: #59636e; }
  .other { fill: #8c959f; } .ours { fill: #2f6fd0; }
  .interval { stroke: #1f2328; stroke-width: 1.5; }
  .wanted { stroke: #c4320a; stroke-width: 2.5; }
  .cut { stroke: #ffffff; stroke-width: 4; }
  .cpu { fill: #ffffff; stroke: #1f2328; stroke-width: 1.2; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; } text { fill: #f0f6fc; }
    .tick { stroke: #30363d; } .one { stroke: #9198a1; }
    .other { fill: #6e7681; } .ours { fill: #4a8df0; }
    .interval { stroke: #f0f6fc; } .wanted { stroke: #ff9b6a; }
    .cut { stroke: #0d1117; } .cpu { fill: #0d1117; stroke: #f0f6fc; }
  }"""


class Bar(NamedTuple):
    """One row: ratios of elapsed and of CPU time, the most that is wanted, or None."""
    title: str
    ratio: Any
    cpu: Any
    wanted: Any
    ours: bool


def x_of(ratio):
    """Where a ratio is."""
    return LEFT + WIDTH * (min(max(ratio, FIRST), LAST) - FIRST) / (LAST - FIRST)


def line(kind, x1, y1, x2, y2):
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def text(x, y, what, kind="", anchor="start"):
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(what)}</text>'


def diamond(x, y):
    return f'<path class="cpu" d="M{x - 4:.1f} {y:.1f}l4 -4 4 4 -4 4z"/>'


def bar(row, y):
    """The elements of one row, whose middle is at y."""
    one, end = x_of(1), x_of(row.ratio.median)
    yield text(LEFT - 10, y + 4, row.title, anchor="end")
    yield (f'<rect class="{"ours" if row.ours else "other"}" x="{min(one, end):.1f}" y="{y - 6}"'
           f' width="{max(abs(end - one), 1):.1f}" height="12"/>')
    if row.ratio.median > LAST:
        yield line("cut", x_of(LAST) - 14, y + 8, x_of(LAST) - 6, y - 8)
    yield line("interval", x_of(row.ratio.low), y, x_of(row.ratio.high), y)
    for edge in (row.ratio.low, row.ratio.high):
        if FIRST <= edge <= LAST:
            yield line("interval", x_of(edge), y - 4, x_of(edge), y + 4)
    if row.cpu.known and row.cpu.median <= LAST:
        yield diamond(x_of(row.cpu.median), y)
    if row.wanted:
        yield line("wanted", x_of(row.wanted), y - 9, x_of(row.wanted), y + 9)
    yield text(LEFT + WIDTH + 12, y + 4, str(row.ratio))


def legend(y):
    """What the marks mean."""
    yield text(LEFT, y + 4, "elapsed time by that of a plain server")
    yield line("interval", LEFT + 236, y, LEFT + 262, y)
    yield text(LEFT + 268, y + 4, "95 %")
    yield diamond(LEFT + 322, y)
    yield text(LEFT + 332, y + 4, "CPU time of the backend")
    yield line("wanted", LEFT + 492, y - 8, LEFT + 492, y + 8)
    yield text(LEFT + 500, y + 4, "at most wanted")


def axis(top, bottom):
    """Lines from top to bottom, with numbers below."""
    for tick in TICKS:
        yield line("one" if tick == 1 else "tick", x_of(tick), top, x_of(tick), bottom)
        yield text(x_of(tick), bottom + 16, f"{tick:.2f}", anchor="middle")


def svg(groups):
    """The picture of (title, bars) for each measure."""
    groups = list(groups)
    height = TOP + sum(GAP + ROW * len(rows) for _, rows in groups) + BOTTOM
    width = LEFT + WIDTH + RIGHT
    y = TOP
    parts = list(axis(TOP, height - BOTTOM + 8))
    for title, rows in groups:
        parts.append(text(16, y + 20, title, "measure"))
        y += GAP
        for row in rows:
            parts.extend(bar(row, y + ROW / 2))
            y += ROW
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img" aria-label="Ratios to a plain server">',
        f"<style>{STYLE}\n</style>",
        f'<rect class="page" width="{width}" height="{height}" rx="8"/>',
        text(16, 30, "What a statement costs, by what it costs on a plain server", "title"),
        *legend(54), *parts, "</svg>")) + "\n"
