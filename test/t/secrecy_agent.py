"""A driver's session for 007_token_secrecy.pl: everything with bind parameters.

Input (JSON, standard input): dsn of the agent, dsn of a superuser, token and
delegation (a JSON array as text), each as it is to be presented; "only": after
authenticate() run nothing but these statements, by title, with parameters {t}
and {d}.
Output: one JSON array a line: title, and what came back as text.
"""
import json
import sys

import psycopg

# What is asked while the identity is presented.
QUERIES = {
    "whoami": "SELECT contauth.whoami()",
    "works": "SELECT count(*) FROM app.customer",
    "show token": "SHOW contauth.token",
    "show delegation": "SHOW contauth.delegation",
    "current_setting": "SELECT current_setting('contauth.token'), current_setting('contauth.delegation')",
    "pg_settings": "SELECT * FROM pg_settings WHERE name LIKE 'contauth.%'",
    "pg_show_all_settings": "SELECT * FROM pg_show_all_settings() WHERE name LIKE 'contauth.%'",
    "show all": "SHOW ALL",
    "prepared statements": "SELECT * FROM pg_prepared_statements",
    "cursors": "SELECT * FROM pg_cursors",
    "own activity": "SELECT * FROM pg_stat_activity",
    "denied": "SELECT notes FROM app.customer",
}

# Errors that come about with the token as a parameter.
ERRORS = {
    "then another error": "SELECT contauth.authenticate({t}, {d}), 1/0",
    "appended": "SELECT contauth.authenticate({t} || 'x', {d})",
    "as integer": "SELECT {t}::text::integer",
    "as timestamp": "SELECT {t}::text::timestamptz",
    "behind another word": "SELECT ('Bearer ' || {t})::text::integer",
    "delegation as integer": "SELECT {d}::text::integer",
    "raised": "SELECT app.raise_it({t}::text)",
    "raised delegation": "SELECT app.raise_it({d}::text)",
    "in inner SQL": "SELECT app.execute_it({t}::text)",
    "set_config": "SELECT set_config('contauth.token', {t} || 'x', false)",
    "set_config of a delegation": "SELECT set_config('contauth.delegation', {d} || 'x', false)",
}


def text_of(error):
    diag = error.diag
    return " ".join(str(part) for part in (
        diag.sqlstate, diag.message_primary, diag.message_detail,
        diag.message_hint, diag.context, diag.internal_query))


def run(conn, *args, **options):
    try:
        return json.dumps([list(map(str, row))
                           for row in conn.execute(*args, **options).fetchall()])
    except psycopg.Error as error:
        return text_of(error)


def report(title, answer):
    print(json.dumps([title, answer]))


def run_errors(conn, errors, token, delegation):
    for title, sql in errors.items():
        report(title, run(conn, sql.format(t="%(t)s", d="%(d)s"),
                          {"t": token, "d": delegation}))


def run_all(conn, admin, token, delegation):
    for title, prepare in ("authenticate", False), ("authenticate prepared", True):
        report(title, run(conn, "SELECT contauth.authenticate(%s, %s::jsonb)",
                          [token, delegation], prepare=prepare))
        # what other sessions see of this one meanwhile
        report("activity", run(admin, "SELECT * FROM pg_stat_activity"))
    for title, sql in QUERIES.items():
        report(title, run(conn, sql))
    with conn.transaction():
        cursor = conn.cursor(name="c")
        try:
            cursor.execute("SELECT %s::text IS NOT NULL", [token])
            report("cursors", run(conn, "SELECT * FROM pg_cursors"))
        except psycopg.Error as error:
            report("cursors", text_of(error))
    # what is refused is a secret, too
    head, payload, signature = token.split(".")
    wrong = ".".join((head, payload, signature[:-20] + signature[-20:][::-1]))
    report("wrong signature", run(conn, "SELECT contauth.authenticate(%s)", [wrong]))
    report("wrong delegation", run(
        conn, "SELECT contauth.authenticate(%s, %s::jsonb)",
        [token, json.dumps([wrong])]))
    run_errors(conn, ERRORS, token, delegation)
    report("statistics", run(admin, "SELECT query FROM pg_stat_statements"))
    report("activity", run(admin, "SELECT * FROM pg_stat_activity"))


def main():
    config = json.load(sys.stdin)
    token, delegation = config["token"], config["delegation"]
    notices = []
    with psycopg.connect(config["dsn"], autocommit=True) as conn, \
            psycopg.connect(config["admin_dsn"], autocommit=True) as admin:
        conn.add_notice_handler(lambda diag: notices.append(
            f"{diag.message_primary} {diag.message_detail} {diag.context}"))
        if config["only"]:
            report("authenticate", run(conn, "SELECT contauth.authenticate(%s)", [token]))
            run_errors(conn, config["only"], token, delegation)
        else:
            run_all(conn, admin, token, delegation)
    report("notices", "\n".join(notices))


main()
