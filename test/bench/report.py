#!/usr/bin/python3
"""What the samples of burst.c say.

    report.py RESULTS FOLDER

writes FOLDER/performance.svg, and into FOLDER/performance.md what stands between its
markers, from the files samples, instructions and facts of RESULTS, for test/bench/all.

    report.py < samples

prints a table of any samples.

Values are medians over the cycles; an interval holds the median in 95 of 100 runs.
"""
import math
import pathlib
import random
import statistics
import sys
from collections import defaultdict

import measures
import plot

BEGIN = "<!-- made by test/bench/all: begin -->"
END = "<!-- made by test/bench/all: end -->"


class Figure:
    """A median with its interval; of nothing when there are no values."""

    def __init__(self, values):
        values = sorted(v for v in values if not math.isnan(v))
        self.known = bool(values)
        if not self.known:
            return
        half = math.ceil(0.98 * math.sqrt(len(values)))
        mid = len(values) // 2
        self.median = statistics.median(values)
        self.low = values[max(mid - half, 0)]
        self.high = values[min(mid + half, len(values) - 1)]

    def __str__(self):
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})" if self.known else ""

    def keeps(self, most):
        """Whether it is at most that: by the whole interval, or by the median."""
        if self.high <= most:
            return "yes"
        if self.low > most:
            return "no"
        return "likely" if self.median <= most else "unlikely"


class Samples:
    """The lines of burst.c: by variant and figure, a value and a ratio for each cycle."""

    def __init__(self, lines):
        self.baseline = {}
        self.values = defaultdict(lambda: defaultdict(list))
        self.ratios = defaultdict(lambda: defaultdict(list))
        self.cycles = 0
        for line in lines:
            variant, baseline, _, _, *figures = line.rstrip("\n").split("\t")
            self.baseline[variant] = baseline
            for i, figure in enumerate(measures.FIGURES):
                self.values[variant][figure].append(float(figures[2 * i]))
                self.ratios[variant][figure].append(float(figures[2 * i + 1]))
        if self.baseline:
            self.cycles = max(len(v["elapsed"]) for v in self.values.values())

    def value(self, variant, figure="elapsed"):
        """Microseconds of an iteration."""
        return Figure(self.values[variant][figure])

    def ratio(self, variant, figure="elapsed"):
        """To the neighbouring bursts of the baseline."""
        return Figure(self.ratios[variant][figure])

    def against(self, one, other, of):
        """Two variants with the same baseline: the whole, or what they add to it."""
        pairs = list(zip(self.ratios[one]["elapsed"], self.ratios[other]["elapsed"]))
        if of == "whole":
            return Figure(a / b for a, b in pairs)
        return self.added(pairs)

    @staticmethod
    def added(pairs):
        """What is added is small beside the noise of one cycle: so of the medians of all
        cycles, drawn again and again (a bootstrap)."""
        def once(some):
            one, other = (statistics.median(values) - 1 for values in zip(*some))
            return one / other if other > 0 else math.nan

        draw = random.Random(1)
        drawn = sorted(x for x in (once(draw.choices(pairs, k=len(pairs))) for _ in range(1000))
                       if not math.isnan(x))
        result = Figure([once(pairs)])
        if result.known:
            result.low = drawn[int(0.025 * len(drawn))]
            result.high = drawn[int(0.975 * len(drawn))]
        return result


# --- tables ---------------------------------------------------------------------------

def table(head, rows):
    """A table of markdown; the first column is text."""
    yield "| " + " | ".join(head) + " |"
    yield "|---" + "|---:" * (len(head) - 1) + "|"
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"


def plain_table(samples):
    """Of any samples."""
    rows = [(name, f"{samples.value(name).median:.1f}",
             "" if baseline == "-" else baseline,
             *("" if baseline == "-" else samples.ratio(name, figure)
               for figure in ("elapsed", "backend CPU", "p99")))
            for name, baseline in samples.baseline.items()]
    return table(("variant", "us", "compared with", "ratio (95 %)", "CPU", "p99"), rows)


def wanted_rows(samples, instructions):
    """What is wanted, and whether it is so."""
    for (measure, peer, figure), most in measures.WANTED.items():
        got = samples.ratio(f"{measure}/{peer}", figure)
        if not got.known:
            continue
        what = f"{measures.PEERS[peer].title}: {measures.MEASURES[measure].title}"
        cpu = samples.ratio(f"{measure}/{peer}", "backend CPU") if figure == "elapsed" else ""
        if figure != "elapsed":
            what += f", {figure}"
        yield what, f"<= {most:.2f}", got, got.keeps(most), cpu
    for (measure, one, other, of), most in measures.AGAINST.items():
        got = samples.against(f"{measure}/{one}", f"{measure}/{other}", of)
        if not got.known:
            continue
        titles = [measures.PEERS[peer].title for peer in (one, other)]
        what = "{} by {}".format(*titles) if of == "whole" else \
            "what {} adds by what {} adds".format(*titles)
        yield (f"{what}: {measures.MEASURES[measure].title}",
               *((f"<= {most:.2f}", got, got.keeps(most)) if most else ("", got, "")), "")
    for (work, variant), most in measures.INSTRUCTIONS.items():
        if (work, variant) in instructions:
            more = instructions[work, variant][1]
            yield (f"contauth, {variant}: instructions added, {measures.COUNTED[work]}", f"<= {most:,}",
                   f"{more:,}", "yes" if more <= most else "no", "")


def matrix(samples, figure):
    """Peers by measures."""
    kinds = list(measures.MEASURES)
    rows = []
    for key, peer in measures.PEERS.items():
        cells = [samples.value(f"{m}/plain", figure) if key == "plain" else
                 samples.ratio(f"{m}/{key}", figure) for m in kinds]
        if key == "plain":
            cells = [f"{cell.median:,.0f} us" if cell.known else "" for cell in cells]
        if any(str(cell) for cell in cells):
            rows.append((peer.title, *cells))
    return table(("", *(measures.MEASURES[m].title for m in kinds)), rows)


def read_instructions(path):
    """work, variant: instructions, and how many more than plain."""
    found = {}
    for line in path.read_text(encoding="ascii").splitlines():
        work, variant, all_of_them, more, *_ = line.split("\t")
        found[work, variant] = int(all_of_them), int(more or 0)
    return found


def method(samples):
    """What the second plain server says of the method."""
    medians = [samples.ratio(f"{measure}/plain2", figure).median
               for measure in measures.MEASURES for figure in ("elapsed", "backend CPU")]
    return (f"The second plain server, where nothing differs, came out between"
            f" {min(medians):.2f} and {max(medians):.2f}; nothing below is more exact than that.")


def sections(samples, instructions, facts):
    """What stands between the markers."""
    yield facts + "\n" + method(samples)
    yield "![Ratios to a plain server, with intervals](performance.svg)"
    yield "### What is wanted"
    yield ("Ratios to the plain server, of elapsed time where nothing else is said: median and"
           " 95 % interval. *yes* and *no*: the whole interval says so; *likely*: only the"
           " median is within; *unlikely*: only the lower end of the interval is.")
    yield "\n".join(table(("", "wanted", "ratio", "kept", "CPU of the backend"),
                          wanted_rows(samples, instructions)))
    yield "### All peers, elapsed time"
    yield "\n".join(matrix(samples, "elapsed"))
    yield "### All peers, CPU time of the backend"
    yield "\n".join(matrix(samples, "backend CPU"))
    if instructions:
        yield "### Instructions of a statement, in user space"
        yield "\n".join(table(("", "instructions", "more"), (
            (f"{measures.COUNTED[work]}: {variant}", f"{n:,}", f"{more:,}" if more else "")
            for (work, variant), (n, more) in instructions.items())))


def put_between_markers(path, text):
    """Into a file, which is made when it is not there."""
    old = path.read_text(encoding="utf-8") if path.exists() else f"{BEGIN}\n{END}\n"
    head, rest = old.split(BEGIN)
    tail = rest.split(END)[1]
    path.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}", encoding="utf-8")


def bars(samples):
    """What plot.py draws: a title and bars for each measure."""
    for name, measure in measures.MEASURES.items():
        rows = [plot.Bar(measures.PEERS[key].title, samples.ratio(f"{name}/{key}"),
                         samples.ratio(f"{name}/{key}", "backend CPU"),
                         measures.WANTED.get((name, key, "elapsed")),
                         measures.PEERS[key].server == "contauth")
                for key in measure.peers.split() if key != "plain"]
        rows = [row for row in rows if row.ratio.known]
        if rows:
            yield measure.title, rows


def main():
    if len(sys.argv) != 3:
        print("\n".join(plain_table(Samples(sys.stdin))))
        return
    results, folder = map(pathlib.Path, sys.argv[1:])
    samples = Samples((results / "samples").read_text(encoding="ascii").splitlines())
    facts = (results / "facts").read_text(encoding="ascii").strip()
    text = "\n\n".join(sections(samples, read_instructions(results / "instructions"), facts))
    put_between_markers(folder / "performance.md", text)
    (folder / "performance.svg").write_text(plot.svg(bars(samples)), encoding="utf-8")


if __name__ == "__main__":
    main()
