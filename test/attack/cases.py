"""Reads the case files; README.md describes the format."""
import pathlib
import re

KEYS = {"expect", "shows", "rows", "via", "as", "after", "server", "known", "autocommit", "copy", "connect"}
VIAS = {"simple", "extended", "prepared", "portal", "pipeline", "fastpath", "pg_dump"}


class Case:
    """One titled block of a file."""

    def __init__(self, theme, title, line):
        self.theme, self.title, self.line = theme, title, line
        self.keys = {}
        self.statements = []

    def __getattr__(self, name):
        if name not in KEYS:
            raise AttributeError(name)
        return self.keys.get(name, [])

    @property
    def vias(self):
        return self.via[0].replace(",", " ").split() if self.via else ["simple", "extended"]

    def runs_on(self, version):
        """Is it for a server of this major version?"""
        for condition in self.server:
            operator, number = re.fullmatch(r"(>=|<)\s*(\d+)", condition).groups()
            if (version >= int(number)) != (operator == ">="):
                return False
        return True


def split(lines):
    """Statements: each ends with a semicolon at a line's end, outside of $$."""
    statements, current = [], []
    for line in lines:
        current.append(line)
        body = "\n".join(current)
        if re.search(r"(?<!\\);\s*$", line) and body.count("$$") % 2 == 0:
            statements.append(body.strip().rstrip(";"))
            current = []
    rest = "\n".join(current).strip()
    # "\\;" stands for a semicolon that does not end the message
    return [one.replace("\\;", ";") for one in statements + ([rest] if rest else [])]


def read_file(path):
    cases, lines = [], []

    def finish():
        if cases:
            cases[-1].statements = split(lines)
        lines.clear()

    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.fullmatch(r"-- ([a-z]+)(?:: ?(.*))?", line)
        if match and match.group(1) == "case":
            finish()
            cases.append(Case(path.stem, match.group(2), number))
        elif match and cases and match.group(1) in KEYS:
            cases[-1].keys.setdefault(match.group(1), []).append(match.group(2) or "")
        elif cases and not line.startswith("-- "):
            lines.append(line)
    finish()
    return cases


def check(case):
    """A case that says nothing, or what nobody understands, is an error."""
    where = f"{case.theme}:{case.line}"
    if not case.expect or not re.fullmatch(
            r"(last )?(allowed|any|fatal|denied( [0-9A-Z]{5})+|error( [0-9A-Z]{5})+)", case.expect[0]):
        raise ValueError(f"{where}: no expect, or not a valid one")
    if not set(case.vias) <= VIAS:
        raise ValueError(f"{where}: unknown via")
    if not case.statements:
        raise ValueError(f"{where}: no statement")


def read(folder):
    cases = []
    for path in sorted(pathlib.Path(folder).glob("[0-9]*.sql")):
        cases.extend(read_file(path))
    for case in cases:
        check(case)
    return cases
