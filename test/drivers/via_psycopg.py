"""The suite through psycopg 3, in each of its ways to send a statement.

    client      ClientCursor: parameters are put into the text by the driver
    server      parameters apart (extended protocol), text format
    binary      the same, with values and rows in binary format
    prepared    every statement is prepared
    pipeline    in pipeline mode, the setting and the statement in one go
    libpq       libpq alone, what psql's \\bind sends: values as text
"""
import decimal

import psycopg
from psycopg import pq
from psycopg.types.json import Jsonb
from psycopg.types.numeric import DecimalBinaryDumper
from psycopg.types.string import BytesBinaryDumper

import suite


def control(conn, sql):
    """A command that must work, in the simple protocol."""
    with psycopg.ClientCursor(conn) as cursor:
        cursor.execute(sql)


class Server:
    """Parameters apart from the text."""

    cursor_class = psycopg.Cursor
    options = {}

    def __init__(self, request):
        self.conn = psycopg.connect(**suite.connection_options(request), autocommit=True,
                                    prepare_threshold=None)

    def close(self):
        self.conn.close()

    def control(self, sql):
        control(self.conn, sql)

    def execute(self, cursor, sql, params):
        cursor.execute(suite.percent(sql) if params else sql,
                       [suite.native(param, Jsonb) for param in params] or None,
                       **self.options)

    def one(self, sql, params):
        try:
            with self.cursor_class(self.conn) as cursor:
                self.execute(cursor, sql, params)
                if cursor.description:
                    return {"rows": suite.rows(cursor.fetchall())}
                return {"count": max(cursor.rowcount, 0)}
        except psycopg.Error as error:
            raise suite.Refused(error.sqlstate) from error

    def query(self, step):
        return self.one(step["sql"], step.get("params", []))

    def repeat(self, step):
        found = []
        for params in step["repeat"]:
            found += self.one(step["sql"], params)["rows"]
        return {"rows": found}

    def batch(self, step):
        with self.cursor_class(self.conn) as cursor:
            cursor.executemany(suite.percent(step["sql"]),
                               [[suite.native(param, Jsonb) for param in params]
                                for params in step["batch"]])
        return {"done": True}

    def stream(self, step):
        found = []
        with psycopg.ServerCursor(self.conn, "pieces") as cursor:
            cursor.execute(step["stream"])
            while rows := cursor.fetchmany(step["size"]):
                found += suite.rows(rows)
        return {"rows": found}

    def copy_in(self, step):
        try:
            with self.conn.cursor() as cursor:
                with cursor.copy(step["copy_in"]) as copy:
                    copy.write(step["data"])
                return {"count": cursor.rowcount}
        except psycopg.Error as error:
            raise suite.Refused(error.sqlstate) from error

    def copy_out(self, step):
        try:
            with self.conn.cursor() as cursor, cursor.copy(step["copy_out"]) as copy:
                data = b"".join(bytes(piece) for piece in copy)
                return {"lines": data.decode().splitlines()}
        except psycopg.Error as error:
            raise suite.Refused(error.sqlstate) from error


class Client(Server):
    """Parameters put into the text by the driver."""

    cursor_class = psycopg.ClientCursor


class Binary(Server):
    """Rows, and those values for which the driver can, in binary format."""

    def __init__(self, request):
        super().__init__(request)
        self.conn.adapters.register_dumper(decimal.Decimal, DecimalBinaryDumper)
        self.conn.adapters.register_dumper(bytes, BytesBinaryDumper)
        self.options = {"binary": True}


class Prepared(Server):
    """Named prepared statements, generic plans after five executions."""

    options = {"prepare": True}


class Pipeline(Server):
    """Messages without waiting for answers."""

    def control(self, sql):
        """With the next statement, except for what ends a transaction."""
        if sql.startswith("SET"):
            self.before = sql
        else:
            super().control(sql)

    before = None

    def one(self, sql, params):
        before, self.before = self.before, None
        try:
            with self.conn.pipeline() as pipeline, self.conn.cursor() as cursor:
                if before:
                    self.conn.execute(before)
                self.execute(cursor, sql, params)
                pipeline.sync()
                if cursor.description:
                    return {"rows": suite.rows(cursor.fetchall())}
                return {"count": max(cursor.rowcount, 0)}
        except psycopg.Error as error:
            raise suite.Refused(error.sqlstate) from error

    def repeat(self, step):
        """Ten statements in one pipeline."""
        super().control(self.before)
        self.before = None
        with self.conn.pipeline():
            cursors = [self.conn.execute(suite.percent(step["sql"]), params, prepare=True)
                       for params in step["repeat"]]
            return {"rows": [row for cursor in cursors for row in suite.rows(cursor.fetchall())]}

    def batch(self, step):
        super().control(self.before)
        self.before = None
        with self.conn.pipeline():
            return super().batch(step)

    def stream(self, step):
        super().control(self.before)
        self.before = None
        return super().stream(step)

    def copy_in(self, step):
        raise suite.Skipped("no COPY in pipeline mode")

    copy_out = copy_in


class Libpq(Server):
    """PQexecParams and PQexecPrepared."""

    def result(self, result):
        if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
            raise suite.Refused(result.error_field(pq.DiagnosticField.SQLSTATE).decode())
        if result.status == pq.ExecStatus.COMMAND_OK:
            return {"count": result.command_tuples or 0}
        return {"rows": [[None if value is None else value.decode() for value in
                          (result.get_value(row, column) for column in range(result.nfields))]
                         for row in range(result.ntuples)]}

    @staticmethod
    def values(params):
        return [None if value is None else value.encode()
                for value in map(suite.literal, params)]

    def one(self, sql, params):
        return self.result(self.conn.pgconn.exec_params(sql.encode(), self.values(params)))

    def repeat(self, step):
        self.result(self.conn.pgconn.prepare(b"again", step["sql"].encode()))
        return {"rows": [row for params in step["repeat"] for row in
                         self.result(self.conn.pgconn.exec_prepared(
                             b"again", self.values(params)))["rows"]]}

    def batch(self, step):
        for params in step["batch"]:
            self.one(step["sql"], params)
        return {"done": True}

    def stream(self, step):
        """Single-row mode."""
        conn = self.conn.pgconn
        conn.send_query_params(step["stream"].encode(), [])
        conn.set_single_row_mode()
        found = []
        while result := conn.get_result():
            if result.status == pq.ExecStatus.SINGLE_TUPLE:
                found.append([None if value is None else value.decode() for value in
                              (result.get_value(0, i) for i in range(result.nfields))])
        return {"rows": found}


suite.main({"client": Client, "server": Server, "binary": Binary, "prepared": Prepared,
            "pipeline": Pipeline, "libpq": Libpq})
