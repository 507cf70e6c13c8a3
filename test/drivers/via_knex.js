// The suite through knex: its query builder where it has words for a step, raw()
// for the others.
'use strict';

const knex = require('knex');
const pg = require('pg');
const suite = require('./suite.js');

for (const type of ['DATE', 'TIMESTAMPTZ']) {
  pg.types.setTypeParser(pg.types.builtins[type], (value) => value);
}

const ROWS = (found) => ({ rows: suite.rows(found.map((row) => Object.values(row))) });

class Knex {
  async open(request) {
    // Without a version knex asks for it when it connects, before anybody could
    // call authenticate().
    this.knex = knex({
      client: 'pg', connection: suite.connectionOptions(request), pool: { min: 1, max: 1 },
      version: request.present === 'option' ? undefined : '15',
    });
    this.db = this.knex;
  }

  close() {
    return this.knex.destroy();
  }

  // knex's transactions: the pool has one connection, so that settings stay.
  async control(sql) {
    if (sql === 'BEGIN') {
      this.db = await this.knex.transaction();
    } else if (sql === 'COMMIT' || sql === 'ROLLBACK') {
      const transaction = this.db;
      this.db = this.knex;
      if (sql === 'COMMIT') await transaction.commit();
      else await transaction.rollback();
    } else {
      await this.db.raw(sql);
    }
  }

  async one(sql, params) {
    const result = await this.db.raw(sql.replace(/\?/g, '\\?').replace(/\$\d+/g, '?'),
      params.map(suite.native));
    return result.fields.length ? ROWS(result.rows) : { count: result.rowCount || 0 };
  }

  query(step) {
    return this.one(step.sql, step.params || []);
  }

  async repeat(step) {
    const found = [];
    for (const params of step.repeat) found.push(...(await this.one(step.sql, params)).rows);
    return { rows: found };
  }

  async batch(step) {
    await this.db('shop.orders').insert(step.batch.map((params) => this.order(params)));
    return { done: true };
  }

  async stream() {
    throw new suite.Skipped('needs the package pg-query-stream');
  }

  async copy_in() {
    throw new suite.Skipped('knex has no COPY');
  }

  copy_out() {
    return this.copy_in();
  }

  // --- in knex's own words -------------------------------------------------------

  order(params) {
    const [customer_id, tenant, code, total, remark] = params.map(suite.native);
    return remark === undefined
      ? { customer_id, tenant, code, total } : { customer_id, tenant, code, total, remark };
  }

  async step_list() {
    return ROWS(await this.db('shop.customer').select('id', 'name', 'email').orderBy('id'));
  }

  async step_get(step) {
    return ROWS(await this.db('shop.customer').where({ id: step.params[0] })
      .select('id', 'name', 'email', 'phone'));
  }

  async step_where_mask(step) {
    return ROWS(await this.db('shop.customer').where('email', step.params[0]).orderBy('id')
      .select('id'));
  }

  async step_join(step) {
    return ROWS(await this.db('shop.customer as c').join('shop.orders as o', 'o.customer_id', 'c.id')
      .where('o.total', '>', suite.native(step.params[0])).orderBy('o.id')
      .select('c.name', 'o.code', 'o.total'));
  }

  async step_aggregate() {
    return ROWS(await this.db('shop.customer as c')
      .leftJoin('shop.orders as o', 'o.customer_id', 'c.id').groupBy('c.email').orderBy('n')
      .select('c.email').count('* as n').sum('o.total as total'));
  }

  async step_page(step) {
    return ROWS(await this.db('shop.customer').select('id', 'name').orderBy('id')
      .limit(step.params[0]).offset(step.params[1]));
  }

  async step_insert(step) {
    return ROWS(await this.db('shop.orders').insert(this.order(step.params), ['id']));
  }

  async step_update(step) {
    const [total, remark, id] = step.params.map(suite.native);
    return { count: await this.db('shop.orders').where({ id }).update({ total, remark }) };
  }

  step_update_other_tenant(step) {
    return this.step_update(step);
  }

  async step_update_returning(step) {
    const [name, id] = step.params;
    return ROWS(await this.db('shop.customer').where({ id })
      .update({ name }, ['id', 'name', 'email']));
  }

  async step_upsert(step) {
    return ROWS(await this.db('shop.orders').insert(this.order(step.params))
      .onConflict('code').merge(['total']).returning(['id', 'total']));
  }

  async step_delete(step) {
    return { count: await this.db('shop.orders').where({ code: step.params[0] }).del() };
  }

  // --- what it finds ---------------------------------------------------------------

  async introspect() {
    const schema = this.knex.schema.withSchema('shop');
    const tables = {};
    for (const table of ['customer', 'orders', 'customer_view', 'nothing']) {
      tables[table] = {
        there: await this.knex.schema.withSchema('shop').hasTable(table),
        code: await this.knex.schema.withSchema('shop').hasColumn(table, 'code'),
        columns: await this.knex(table).withSchema('shop').columnInfo(),
      };
    }
    return { schema: schema !== undefined, tables };
  }
}

suite.start({ knex: Knex });
