"""The suite through psql: a script on its standard input.

    simple      parameters as psql's variables, :'p1'
    bind        parameters apart, by \\bind (PostgreSQL 16 and later)

FETCH_COUNT reads rows in pieces.
"""
import json
import os
import re
import subprocess
import sys

import suite

MARK = "## "
# unaligned with names and number of rows: what returns rows can be told from
# what does not, and no rows from none
HEADER = r"""
\set QUIET on
\pset pager off
\pset format unaligned
\pset fieldsep '\t'
\pset null '\\N'
\set VERBOSITY sqlstate
"""


def quoted(value):
    """An argument of a psql command."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n") + "'"


def with_variables(sql, params):
    """Parameters as variables."""
    values = [suite.literal(param) for param in params]
    sets = "".join(f"\\set p{n} {quoted(value)}\n"
                   for n, value in enumerate(values, 1) if value is not None)
    return sets + re.sub(r"\$(\d+)", lambda match: "NULL" if values[int(match[1]) - 1] is None
                         else f":'p{match[1]}'", sql) + ";"


def with_bind(sql, params):
    """Parameters of \\bind; it knows no NULL."""
    if not params or None in params:
        return with_variables(sql, params)
    return sql + " \\bind " + " ".join(quoted(suite.literal(param)) for param in params) + " \\g"


class Psql:
    def __init__(self, request, form):
        self.request, self.form = request, form

    def statement(self, step):
        if "stream" in step:
            return f"\\set FETCH_COUNT {step['size']}\n{step['stream']};\n\\set FETCH_COUNT 0"
        if "copy_in" in step:
            return f"{step['copy_in']};\n{step['data']}\\."
        if "copy_out" in step:
            return step["copy_out"] + ";"
        if "repeat" in step and self.form is with_variables:
            return "\n".join(
                [f"PREPARE again AS {step['sql']};"] +
                [f"EXECUTE again({', '.join(map(suite.literal, params))});"
                 for params in step["repeat"]] + ["DEALLOCATE again;"])
        return "\n".join(self.form(step["sql"], params) for params in
                         step.get("repeat", step.get("batch", [step.get("params", [])])))

    def authenticate(self):
        """With the token as a parameter; what it answers is thrown away."""
        return (f"\\o {os.devnull}\n" +
                self.form("SELECT contauth.authenticate($1)", [self.request["token"]]) + "\n\\o")

    def unit(self, unit):
        """One step, or a transaction of several, as lines of psql."""
        steps = unit.get("transaction", [unit])
        pooled = self.request["present"] == "transaction"
        block = "transaction" in unit or pooled
        if block:
            yield "BEGIN;"
        if pooled:
            yield self.authenticate()
        works = True
        for step in steps:
            if works:  # an aborted transaction takes no setting
                yield f"SET contauth.task_id = '{step['step']}';"
            yield f"\\echo '{MARK}{step['step']}'"
            yield self.statement(step)
            yield "\\echo :SQLSTATE :ROW_COUNT"
            works = "error" not in step
        if block:
            yield unit.get("end", "COMMIT" if works else "ROLLBACK") + ";"

    def script(self):
        lines = [HEADER]
        if self.request["present"] == "authenticate":
            lines.append(self.authenticate())
        for unit in self.request["suite"]:
            if not any("only" in step for step in unit.get("transaction", [unit])):
                lines += self.unit(unit)
        return "\n".join(lines) + "\n"

    def run(self):
        options = suite.connection_options(self.request)
        environment = {**os.environ, "PGAPPNAME": options["application_name"],
                       "PGOPTIONS": options.get("options", "")}
        done = subprocess.run(
            ["psql", "-X", "-h", options["host"], "-p", str(options["port"]), "-U",
             options["user"], "-d", options["dbname"]], input=self.script(), text=True,
            env=environment, stdout=subprocess.PIPE, check=True)
        return done.stdout


def results(lines):
    """The rows of one or several results: names, rows, "(n rows)" each."""
    found, names = [], True
    for line in lines:
        if re.fullmatch(r"\(\d+ rows?\)", line):
            names = True
        elif names:
            names = False
        else:
            found.append([None if value == "\\N" else value for value in line.split("\t")])
    return found


def answer(step, lines):
    """What the lines that psql printed for a step say."""
    state, count = lines.pop().split()
    if state != "00000":
        return {"error": state}
    if "batch" in step:
        return {"done": True}
    if "copy_out" in step:
        return {"lines": lines}
    if lines:
        return {"rows": results(lines)}
    return {"count": int(count)}


def main():
    request = json.load(sys.stdin)
    form = {"simple": with_variables, "bind": with_bind}[sys.argv[1]]
    output = Psql(request, form).run()
    steps = {step["step"]: step for unit in request["suite"]
             for step in unit.get("transaction", [unit])}
    for part in output.split(MARK)[1:]:
        name, *lines = part.splitlines()
        print(json.dumps({"step": name, **answer(steps[name], lines)}))
    for name, step in steps.items():
        if "only" in step:
            print(json.dumps({"step": name, "skipped": "for " + ", ".join(step["only"])}))


main()
