"""Portals without a name that are bound, and run when something has come in between.

Input: the socket's path, role and token on the first line (JSON); after the line "ready"
on standard output, any further line.  Output as portal.py's.
"""
import json
import sys

from portal import Server, bind, execute, parse, report


def main():
    path, role, token, agent = json.loads(sys.stdin.readline())
    changes = (
        (b"SELECT contauth.enable_policy('not_now', true)",
         b"SELECT contauth.enable_policy('not_now', false)"),
        (b"SELECT contauth.suspend_agent('%s', 'test')" % agent.encode(),
         b"SELECT contauth.resume_agent('%s', 'test')" % agent.encode()),
        (b"SELECT contauth.kill_switch(true, 'test')",
         b"SELECT contauth.kill_switch(false, 'test')"))
    server = Server(path, role, token)
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
    server.query(b"ROLLBACK TO s")

    administrator = Server(path, "postgres")
    administrator.query(b"SELECT contauth.drop_policy('not_at_all')")
    outcomes = []
    for change, undo in changes:
        for _ in range(5):
            server.run(bind(b"", b"s"))
            _, changed = administrator.query(change)
            rows, answer = server.run(execute(b"", 0))
            administrator.query(undo)
            server.query(b"ROLLBACK TO s")
            outcomes.append((changed, rows, answer))
    report("changes just before", sorted(set(outcomes)))


main()
