"""The suite through SQLAlchemy: versions 1.4 and 2.

What an application would say with SQLAlchemy's own words (Core, ORM, Session)
stands in the methods step_*; everything else goes through as text.  The
connection begins transactions by itself.
"""
from sqlalchemy import (Column, ForeignKey, Integer, MetaData, Numeric, String, create_engine,
                        delete, func, inspect, insert, select, text, update)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, declarative_base, relationship
from sqlalchemy.pool import NullPool

import psycopg2
import psycopg2.extras

import suite

Base = declarative_base()


class Customer(Base):
    __tablename__ = "customer"
    __table_args__ = {"schema": "shop"}
    id = Column(Integer, primary_key=True)
    name = Column(String)
    email = Column(String)
    phone = Column(String)


class Order(Base):
    __tablename__ = "orders"
    __table_args__ = {"schema": "shop"}
    id = Column(Integer, primary_key=True)
    customer_id = Column(ForeignKey("shop.customer.id"))
    tenant = Column(String)
    code = Column(String)
    total = Column(Numeric)
    remark = Column(String)
    customer = relationship(Customer)


def values(params, *names):
    return dict(zip(names, map(suite.native, params)))


class SQLAlchemy:
    def __init__(self, request):
        self.request = request
        self.engine = create_engine("postgresql+psycopg2://", creator=self.connection,
                                    poolclass=NullPool, future=True)
        self.conn = self.engine.connect()
        self.block = False

    def connection(self):
        """SQLAlchemy looks at the server before the application gets the
        connection: so the token must be there already.  Presented outside of a
        transaction it stays; behind a pooler it is for the transaction that goes on.
        """
        conn = psycopg2.connect(**suite.connection_options(self.request))
        if self.request["present"] != "option":
            conn.autocommit = self.request["present"] == "authenticate"
            with conn.cursor() as cursor:
                cursor.execute(suite.percent(suite.AUTHENTICATE), [self.request["token"]])
            if conn.autocommit:
                conn.autocommit = False
        return conn

    def close(self):
        self.conn.close()

    def control(self, sql):
        if sql == "BEGIN":
            self.block = True
        elif sql in ("COMMIT", "ROLLBACK"):
            (self.conn.commit if sql == "COMMIT" else self.conn.rollback)()
            self.block = False
        else:
            self.run(lambda: self.conn.exec_driver_sql(sql))

    def run(self, statements):
        """In a transaction of their own, unless there is one; rows or count."""
        try:
            result = statements()
            if not hasattr(result, "returns_rows"):
                answer = result
            elif result.returns_rows:
                answer = {"rows": suite.rows(result)}
            else:
                answer = {"count": max(result.rowcount, 0)}
            if not self.block:
                self.conn.commit()
            return answer
        except DBAPIError as error:
            if not self.block:
                self.conn.rollback()
            raise suite.Refused(error.orig.pgcode) from error

    def one(self, sql, params):
        bound = tuple(suite.native(param, psycopg2.extras.Json) for param in params)
        return self.run(lambda: self.conn.exec_driver_sql(
            suite.percent(sql) if bound else sql, [bound] if bound else None))

    def query(self, step):
        return self.one(step["sql"], step.get("params", []))

    def repeat(self, step):
        return {"rows": [row for params in step["repeat"]
                         for row in self.one(step["sql"], params)["rows"]]}

    def stream(self, step):
        def pieces():
            result = self.conn.execute(text(step["stream"]), execution_options={
                "stream_results": True, "max_row_buffer": step["size"]})
            return {"rows": [row for rows in result.partitions(step["size"])
                             for row in suite.rows(rows)]}
        return self.run(pieces)

    def copy_in(self, step):
        raise suite.Skipped("SQLAlchemy has no COPY")

    copy_out = copy_in

    # --- in SQLAlchemy's own words ----------------------------------------------

    def core(self, statement, *rows):
        return self.run(lambda: self.conn.execute(statement, *rows))

    def step_list(self, _step):
        return self.core(select(Customer.id, Customer.name, Customer.email)
                         .order_by(Customer.id))

    def step_get(self, step):
        def found():
            with Session(self.conn) as session:
                customer = session.get(Customer, step["params"][0])
                return {"rows": suite.rows([[] if customer is None else [
                    customer.id, customer.name, customer.email, customer.phone]])}
        return self.run(found)

    def step_where_mask(self, step):
        return self.core(select(Customer.id).where(Customer.email == step["params"][0])
                         .order_by(Customer.id))

    def step_join(self, step):
        return self.core(select(Customer.name, Order.code, Order.total)
                         .join(Order.customer)
                         .where(Order.total > suite.native(step["params"][0]))
                         .order_by(Order.id))

    def step_aggregate(self, _step):
        return self.core(select(Customer.email, func.count().label("n"), func.sum(Order.total))
                         .select_from(Customer).outerjoin(Order)
                         .group_by(Customer.email).order_by("n"))

    def step_page(self, step):
        limit, offset = step["params"]
        return self.core(select(Customer.id, Customer.name).order_by(Customer.id)
                         .limit(limit).offset(offset))

    def step_insert(self, step):
        def added():
            with Session(self.conn) as session:
                order = Order(**values(step["params"], "customer_id", "tenant", "code",
                                       "total", "remark"))
                session.add(order)
                session.flush()
                answer = {"rows": [[str(order.id)]]}
                session.commit()
                return answer
        return self.run(added)

    def batch(self, step):
        self.core(insert(Order.__table__),
                  [values(params, "customer_id", "tenant", "code", "total")
                   for params in step["batch"]])
        return {"done": True}

    def step_update(self, step):
        total, remark, number = map(suite.native, step["params"])
        return self.core(update(Order.__table__).where(Order.id == number)
                         .values(total=total, remark=remark))

    step_update_other_tenant = step_update

    def step_update_returning(self, step):
        name, number = step["params"]
        table = Customer.__table__
        return self.core(update(table).where(table.c.id == number).values(name=name)
                         .returning(table.c.id, table.c.name, table.c.email))

    def step_upsert(self, step):
        table = Order.__table__
        new = postgresql.insert(table).values(
            **values(step["params"], "customer_id", "tenant", "code", "total"))
        return self.core(new.on_conflict_do_update(
            index_elements=["code"], set_={"total": new.excluded.total})
            .returning(table.c.id, table.c.total))

    def step_delete(self, step):
        return self.core(delete(Order.__table__).where(Order.code == step["params"][0]))

    def step_unit_of_work(self, _step):
        """Session: add, query, change, delete, each with its relations."""
        def work():
            with Session(self.conn) as session:
                order = Order(customer_id=4, tenant="acme", code="uow", total=5)
                session.add(order)
                session.commit()
                order.total += 2
                session.commit()
                found = session.query(Order).filter(Order.code == "uow").one()
                answer = {"rows": suite.rows([[found.id, found.tenant, found.code,
                                               found.total]])}
                assert found.customer.email == "r***@example.com"
                session.delete(found)
                session.commit()
                return answer
        return self.run(work)

    # --- what it finds ------------------------------------------------------------

    def introspect(self):
        """Inspector and reflection."""
        inspector = inspect(self.engine)
        tables = {name: {
            "columns": inspector.get_columns(name, "shop"),
            "primary key": inspector.get_pk_constraint(name, "shop"),
            "foreign keys": inspector.get_foreign_keys(name, "shop"),
            "unique": inspector.get_unique_constraints(name, "shop"),
            "check": inspector.get_check_constraints(name, "shop"),
            "indexes": inspector.get_indexes(name, "shop"),
            "comment": inspector.get_table_comment(name, "shop"),
        } for name in inspector.get_table_names("shop")}
        metadata = MetaData()
        metadata.reflect(self.engine, schema="shop", views=True)
        return {"schemas": inspector.get_schema_names(), "tables": tables,
                "views": {name: inspector.get_view_definition(name, "shop")
                          for name in inspector.get_view_names("shop")},
                "enums": inspector.get_enums("shop"),
                "sequences": inspector.get_sequence_names("shop"),
                "reflected": {name: [(column.name, column.type, column.nullable,
                                      column.primary_key, column.foreign_keys)
                                     for column in table.columns]
                              for name, table in metadata.tables.items()}}


suite.main({"sqlalchemy": SQLAlchemy})
