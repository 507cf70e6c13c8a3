"""What test/soak measures: the processor's time, and the memory of processes."""
import collections
import os
import re
import resource
import statistics

TICK = os.sysconf("SC_CLK_TCK")
CONTEXT = re.compile(r"\[(\d+)\] .*level: \d+; ([^:]*): .*; (\d+) used")


def stat(pid):
    """Fields of /proc/PID/stat behind the name."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as lines:
        return lines.read().rpartition(")")[2].split()


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as line:
        return line.read().split()


def processor_time(postmaster):
    """Seconds that the server and this program have taken so far."""
    fields = stat(postmaster)
    ticks = sum(int(field) for field in fields[11:15])  # its own, and of ended children
    for child in children(postmaster):
        try:
            ticks += sum(int(field) for field in stat(child)[11:13])
        except (FileNotFoundError, ProcessLookupError):
            pass
    used = resource.getrusage(resource.RUSAGE_SELF)
    return ticks / TICK + used.ru_utime + used.ru_stime


def private_memory(pid):
    """kB that a process has to itself: not what it has touched of shared memory."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))


def slope(points):
    """kB an hour, of (seconds, kB)."""
    return statistics.linear_regression(*zip(*points)).slope * 3600


class Memory:
    """Samples of processes, by kind and process id."""

    def __init__(self, warm_up):
        self.warm_up = warm_up          # seconds that a process may take to fill its caches
        self.samples = collections.defaultdict(list)
        self.first = {}
        self.now = 0.0                  # of the newest samples

    def sample(self, kind, pid, now):
        self.now = now
        try:
            kilobytes = private_memory(pid)
        except (OSError, StopIteration):
            return
        if now - self.first.setdefault((kind, pid), now) >= self.warm_up:
            self.samples[kind, pid].append((now, kilobytes))

    def slopes(self, kind, least):
        """Of each process with so many samples: slope, first, last."""
        return [(slope(points), points[0][1], points[-1][1])
                for (name, _), points in self.samples.items()
                if name == kind and len(points) >= least]

    def latest(self, kind):
        """The newest samples; 0 while there is none."""
        return [points[-1][1] for (name, _), points in self.samples.items()
                if name == kind and points[-1][0] == self.now] or [0]


class Contexts:
    """Memory contexts as pg_log_backend_memory_contexts() tells them, by process."""

    def __init__(self, log):
        self.log = log
        self.offset = 0
        self.told = collections.defaultdict(list)       # pid: [{context: bytes used}]

    def read(self):
        """Take in what the log has got since."""
        found = collections.defaultdict(collections.Counter)
        with open(self.log, encoding="utf-8", errors="replace") as log:
            log.seek(self.offset)
            for line in log:
                match = CONTEXT.search(line)
                if match:
                    found[match[1]][match[2]] += int(match[3])
            self.offset = log.tell()
        for pid, contexts in found.items():
            self.told[pid].append(contexts)

    def growth(self):
        """Of each process: bytes used at first and last, and the contexts that grew most."""
        for pid, told in self.told.items():
            if len(told) < 2:
                continue
            grown = {name: told[-1][name] - told[0][name] for name in told[-1]}
            most = sorted(grown, key=grown.get, reverse=True)[:4]
            yield (pid, len(told), sum(told[0].values()), sum(told[-1].values()),
                   [(name, grown[name]) for name in most if grown[name] > 0])
