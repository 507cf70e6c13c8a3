// The suite through node-pg.
//
//   simple          parameters are put into the text, as its escapeLiteral() does
//   parameterised   query(text, values)
//   named           query({name, text, values}): prepared statements
'use strict';

const pg = require('pg');
const Cursor = require('pg-cursor');
const suite = require('./suite.js');

// Dates and times as text: what they are is the same, how they print is not.
for (const type of ['DATE', 'TIMESTAMPTZ']) {
  pg.types.setTypeParser(pg.types.builtins[type], (value) => value);
}

class Parameterised {
  async open(request) {
    this.client = new pg.Client(suite.connectionOptions(request));
    await this.client.connect();
  }

  close() {
    return this.client.end();
  }

  control(sql) {
    return this.client.query(sql);
  }

  // What is sent for a statement.
  form(sql, params) {
    return { text: sql, values: params.length ? params.map(suite.native) : undefined };
  }

  async one(sql, params) {
    const result = await this.client.query({ ...this.form(sql, params), rowMode: 'array' });
    return result.fields.length ? { rows: suite.rows(result.rows) } : { count: result.rowCount || 0 };
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
    for (const params of step.batch) await this.one(step.sql, params);
    return { done: true };
  }

  // A portal, some rows at a time.
  async stream(step) {
    const cursor = this.client.query(new Cursor(step.stream, [], { rowMode: 'array' }));
    const found = [];
    for (;;) {
      const piece = await cursor.read(step.size);
      if (!piece.length) break;
      found.push(...suite.rows(piece));
    }
    await cursor.close();
    return { rows: found };
  }

  async copy_in() {
    throw new suite.Skipped('node-pg has no COPY');
  }

  copy_out() {
    return this.copy_in();
  }
}

class Simple extends Parameterised {
  literal(param) {
    const value = suite.native(param);
    if (value === null) return 'NULL';
    if (Buffer.isBuffer(value)) return pg.escapeLiteral('\\x' + value.toString('hex'));
    if (Array.isArray(value)) return pg.escapeLiteral('{' + value.join(',') + '}');
    return pg.escapeLiteral(typeof value === 'object' ? JSON.stringify(value) : String(value));
  }

  form(sql, params) {
    return { text: sql.replace(/\$(\d+)/g, (_, n) => this.literal(params[n - 1])) };
  }
}

class Named extends Parameterised {
  form(sql, params) {
    this.names ??= new Map();
    if (!this.names.has(sql)) this.names.set(sql, 's' + this.names.size);
    return { ...super.form(sql, params), name: this.names.get(sql) };
  }
}

suite.start({ simple: Simple, parameterised: Parameterised, named: Named });
