"""What the runners in Python share: the request, the order of steps, values as text.

A runner reads a request (JSON, standard input) and prints one JSON object a
step, {"step", and one of "rows", "count", "done", "lines", "error", "skipped"}.

The request:
    host, port, database, user   where to connect to
    name        application_name; the audit tells runs apart by it
    token       the agent's, or null for who is not governed
    present     how the token comes: "option" (with the connection),
                "authenticate" (once, as a bind parameter), or "transaction"
                (the same in every transaction, behind a pooler)
    suite       the steps of suite.json; empty when only introspection is asked
    introspect  whether to print what the driver finds in schema shop instead

A step has "sql" with $1, $2... and "params"; or "repeat" or "batch", which
list params; or "stream" (rows in pieces, as the driver does it), "copy_in"
with "data", "copy_out".  Steps are statements of their own, except within
{"transaction": [...]}, which ends with COMMIT unless "end" says otherwise.
Before each, the setting contauth.task_id takes its name, so that the audit
tells them apart.  What must come out stands with each, written by hand: the
answer; "audit", the lines of records.sql; and "returned" and "affected" where
the record's numbers of rows are not those of the answer.  "only" names the
runners that have a step: they do it in words of their own.
"""
import datetime
import decimal
import json
import re
import sys

AUTHENTICATE = "SELECT contauth.authenticate($1)"


class Skipped(Exception):
    """The driver has nothing for this step."""


class Refused(Exception):
    """The statement failed; the only argument is its SQLSTATE."""


# --- values ---------------------------------------------------------------------

def text(value):
    """A value of Python's as PostgreSQL would print it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S+00")
    if isinstance(value, (bytes, memoryview)):
        return "\\x" + bytes(value).hex()
    if isinstance(value, list):
        return "{" + ",".join(text(item) for item in value) + "}"
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value)


def rows(fetched):
    return [[text(value) for value in row] for row in fetched]


def native(param, json_class=lambda value: value):
    """A parameter of the suite as the type that an application would use."""
    if not isinstance(param, dict):
        return param
    (kind, value), = param.items()
    return {
        "numeric": decimal.Decimal,
        "date": datetime.date.fromisoformat,
        "timestamptz": datetime.datetime.fromisoformat,
        "bytea": bytes.fromhex,
        "json": json_class,
        "integers": list,
        "texts": list,
    }[kind](value)


def literal(param):
    """A parameter of the suite as PostgreSQL reads it; None for NULL."""
    if isinstance(param, dict) and "json" in param:
        return json.dumps(param["json"])
    value = native(param)
    return str(value) if isinstance(value, datetime.datetime) else text(value)


def percent(sql):
    """Placeholders of Python's drivers."""
    return re.sub(r"\$\d+", "%s", sql.replace("%", "%%"))


# --- the steps ------------------------------------------------------------------

def attempt(runner, step):
    """What a step answers; a method of its name comes first, as ORMs have them."""
    try:
        if hasattr(runner, "step_" + step["step"]):
            return getattr(runner, "step_" + step["step"])(step)
        if "only" in step:
            raise Skipped("for " + ", ".join(step["only"]))
        for kind in ("stream", "copy_in", "copy_out", "repeat", "batch"):
            if kind in step:
                return getattr(runner, kind)(step)
        return runner.query(step)
    except Refused as refused:
        return {"error": refused.args[0]}
    except Skipped as skipped:
        return {"skipped": skipped.args[0]}


def run_step(runner, step):
    answer = attempt(runner, step)
    print(json.dumps({"step": step["step"], **answer}), flush=True)
    return "error" not in answer


def run_unit(runner, request, unit):
    """One step, or a transaction of several."""
    steps = unit.get("transaction", [unit])
    block = "transaction" in unit or request["present"] == "transaction"
    works = True

    if block:
        runner.control("BEGIN")
        if request["present"] == "transaction":
            runner.query({"sql": AUTHENTICATE, "params": [request["token"]]})
    for step in steps:
        if works:  # an aborted transaction takes no setting
            runner.control(f"SET contauth.task_id = '{step['step']}'")
        works = run_step(runner, step)
    if block:
        runner.control(unit.get("end", "COMMIT" if works else "ROLLBACK"))


def connection_options(request):
    """libpq's keywords; a pooler takes no options."""
    options = {"host": request["host"], "port": request["port"],
               "dbname": request["database"], "user": request["user"],
               "application_name": request["name"]}
    if request["token"] and request["present"] == "option":
        options["options"] = f"-c contauth.token={request['token']}"
    return options


def main(runners):
    """Run what is asked for with the class of that name."""
    request = json.load(sys.stdin)
    runner = runners[sys.argv[1]](request)
    if request["token"] and request["present"] == "authenticate":
        runner.query({"sql": AUTHENTICATE, "params": [request["token"]]})
    if request.get("introspect"):
        print(json.dumps(runner.introspect(), sort_keys=True, default=str))
    for unit in request["suite"]:
        run_unit(runner, request, unit)
    runner.close()
