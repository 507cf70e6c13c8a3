"""The suite through psycopg2, which puts parameters into the text."""
import io
import re

import psycopg2
import psycopg2.extras

import suite


class Psycopg2:
    def __init__(self, request):
        self.conn = psycopg2.connect(**suite.connection_options(request))
        self.conn.autocommit = True

    def close(self):
        self.conn.close()

    def control(self, sql):
        """The driver begins transactions by itself, before their first statement."""
        if sql == "BEGIN":
            self.conn.autocommit = False
        elif sql in ("COMMIT", "ROLLBACK"):
            (self.conn.commit if sql == "COMMIT" else self.conn.rollback)()
            self.conn.autocommit = True
        else:
            with self.conn.cursor() as cursor:
                cursor.execute(sql)

    @staticmethod
    def values(params):
        return [suite.native(param, psycopg2.extras.Json) for param in params]

    def one(self, sql, params):
        try:
            with self.conn.cursor() as cursor:
                cursor.execute(suite.percent(sql) if params else sql,
                               self.values(params) or None)
                if cursor.description:
                    return {"rows": suite.rows(cursor.fetchall())}
                return {"count": max(cursor.rowcount, 0)}
        except psycopg2.Error as error:
            raise suite.Refused(error.pgcode) from error

    def query(self, step):
        return self.one(step["sql"], step.get("params", []))

    def repeat(self, step):
        return {"rows": [row for params in step["repeat"]
                         for row in self.one(step["sql"], params)["rows"]]}

    def batch(self, step):
        """All rows in one VALUES."""
        with self.conn.cursor() as cursor:
            psycopg2.extras.execute_values(
                cursor, re.sub(r"VALUES .*", "VALUES %s", step["sql"]),
                [self.values(params) for params in step["batch"]])
        return {"done": True}

    def stream(self, step):
        found = []
        with self.conn.cursor("pieces") as cursor:
            cursor.execute(step["stream"])
            while rows := cursor.fetchmany(step["size"]):
                found += suite.rows(rows)
        return {"rows": found}

    def copy(self, sql, file):
        try:
            with self.conn.cursor() as cursor:
                cursor.copy_expert(sql, file)
                return cursor.rowcount
        except psycopg2.Error as error:
            raise suite.Refused(error.pgcode) from error

    def copy_in(self, step):
        return {"count": self.copy(step["copy_in"], io.StringIO(step["data"]))}

    def copy_out(self, step):
        out = io.StringIO()
        self.copy(step["copy_out"], out)
        return {"lines": out.getvalue().splitlines()}


suite.main({"psycopg2": Psycopg2})
