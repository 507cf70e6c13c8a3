"""Portals without a name that are bound, and run when something has come in between.

Input: the socket's path, role and token on the first line (JSON); after the line "ready"
on standard output, any further line.  Output as portal.py's.
"""
import json
import sys

from portal import Server, bind, execute, parse, report


def main():
    server = Server(*json.loads(sys.stdin.readline()))
    server.query(b"BEGIN")
    server.run(parse(b"s", b"SELECT id FROM app.ticket ORDER BY id"),
               parse(b"p", b"SET LOCAL contauth.purpose = 'ads'"), bind(b"p", b"p"))
    server.query(b"SAVEPOINT s")
    report("nothing", server.run(bind(b"", b"s"), execute(b"", 0)))
    report("another purpose", server.run(
        bind(b"", b"s"), execute(b"p", 0), execute(b"", 0)))
    server.query(b"ROLLBACK TO s")

    server.run(bind(b"", b"s"))
    print("ready", flush=True)
    sys.stdin.readline()
    report("a policy", server.run(execute(b"", 0)))


main()
