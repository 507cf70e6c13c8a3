// The suite through postgres.js, which prepares every statement with parameters.
// The token comes as a parameter of the startup message, as this driver offers.
// When it does not, fetch_types must be off: it would look up array types before
// anybody could call authenticate().  The application writes arrays itself then.
'use strict';

const postgres = require('postgres');
const suite = require('./suite.js');

const asText = (...from) => ({ to: from[0], from, serialize: String, parse: (value) => value });

class PostgresJs {
  async open(request) {
    const { host, port, database, user } = request;
    const connection = { application_name: request.name };
    if (request.token && request.present === 'option') {
      connection['contauth.token'] = request.token;
    }
    this.sql = postgres({
      host, port, database, user, connection, max: 1, onnotice: () => {},
      path: `${host}/.s.PGSQL.${port}`,
      types: { moment: asText(1082, 1184) }, fetch_types: 'contauth.token' in connection,
    });
    this.arrays = 'contauth.token' in connection;
    // reserve() waits for ever when it is the first thing to ask for a connection
    // and fetch_types is off
    await this.sql`SELECT contauth.whoami()`;
    // one connection that nobody else takes, as a transaction of this driver has
    this.connection = await this.sql.reserve();
  }

  close() {
    this.connection.release();
    return this.sql.end();
  }

  control(sql) {
    return this.connection.unsafe(sql);
  }

  native(param) {
    const value = suite.native(param);
    return Array.isArray(value) && !this.arrays ? `{${value.join(',')}}` : value;
  }

  async one(sql, params) {
    const result = await this.connection
      .unsafe(sql, params.map((param) => this.native(param)), { prepare: params.length > 0 }).values();
    return result.columns && result.columns.length
      ? { rows: suite.rows(result) } : { count: result.count || 0 };
  }

  query(step) {
    return this.one(step.sql, step.params || []);
  }

  async repeat(step) {
    const found = [];
    for (const params of step.repeat) found.push(...(await this.one(step.sql, params)).rows);
    return { rows: found };
  }

  // Sent in one go, without waiting for each other.
  async batch(step) {
    await Promise.all(step.batch.map((params) => this.one(step.sql, params)));
    return { done: true };
  }

  async stream(step) {
    const found = [];
    await this.connection.unsafe(step.stream).cursor(step.size, (piece) => {
      found.push(...suite.rows(piece.map((row) => Object.values(row))));
    });
    return { rows: found };
  }

  async copy_in(step) {
    const stream = await this.connection.unsafe(step.copy_in).writable();
    return new Promise((resolve, reject) => {
      stream.on('error', reject);
      stream.on('finish', () => resolve({ count: step.data.split('\n').length - 1 }));
      stream.end(step.data);
    });
  }

  async copy_out(step) {
    const pieces = [];
    for await (const piece of await this.connection.unsafe(step.copy_out).readable()) {
      pieces.push(piece);
    }
    return { lines: Buffer.concat(pieces).toString().split('\n').filter((line) => line) };
  }
}

suite.start({ postgres: PostgresJs });
