// What the runners for Node.js share; the same as suite.py, which describes the
// request and the answers.
'use strict';

const fs = require('fs');

const AUTHENTICATE = 'SELECT contauth.authenticate($1)';

class Skipped extends Error {}

// A value as PostgreSQL would print it.  Dates and times arrive as text.
function text(value) {
  if (value === null || value === undefined || typeof value === 'string') return value ?? null;
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (Buffer.isBuffer(value)) return '\\x' + value.toString('hex');
  if (Array.isArray(value)) return '{' + value.map(text).join(',') + '}';
  if (typeof value === 'object') {
    return JSON.stringify(value, null, 1).replace(/\n\s*/g, ' ')
      .replace(/([{[]) /g, '$1').replace(/ ([}\]])/g, '$1');
  }
  return String(value);
}

const rows = (fetched) => fetched.map((row) => row.map(text));

// A parameter of the suite as the type that an application would use.
function native(param) {
  if (param === null || typeof param !== 'object') return param;
  const [[kind, value]] = Object.entries(param);
  if (kind === 'bytea') return Buffer.from(value, 'hex');
  return value;
}

// What a step answers; a method of its name comes first.
async function attempt(runner, step) {
  try {
    if (runner['step_' + step.step]) return await runner['step_' + step.step](step);
    if (step.only) throw new Skipped('for ' + step.only.join(', '));
    for (const kind of ['stream', 'copy_in', 'copy_out', 'repeat', 'batch']) {
      if (kind in step) return await runner[kind](step);
    }
    return await runner.query(step);
  } catch (error) {
    if (error instanceof Skipped) return { skipped: error.message };
    if (!/^[0-9A-Z]{5}$/.test(error.code)) throw error;
    return { error: error.code };
  }
}

async function runUnit(runner, request, unit) {
  const steps = unit.transaction || [unit];
  const perTransaction = request.present === 'transaction';
  const block = unit.transaction || perTransaction;
  let works = true;

  if (block) await runner.control('BEGIN');
  if (block && perTransaction) {
    await runner.query({ sql: AUTHENTICATE, params: [request.token] });
  }
  for (const step of steps) {
    // an aborted transaction takes no setting
    if (works) await runner.control(`SET contauth.task_id = '${step.step}'`);
    const answer = await attempt(runner, step);
    works = !('error' in answer);
    console.log(JSON.stringify({ step: step.step, ...answer }));
  }
  if (block) await runner.control(unit.end || (works ? 'COMMIT' : 'ROLLBACK'));
}

// Options of node-pg; a pooler takes no "options".
function connectionOptions(request) {
  const { host, port, database, user } = request;
  const options = { host, port, database, user, application_name: request.name };
  if (request.token && request.present === 'option') {
    options.options = `-c contauth.token=${request.token}`;
  }
  return options;
}

async function main(runners) {
  const request = JSON.parse(fs.readFileSync(0, 'utf8'));
  const runner = new runners[process.argv[2]]();
  await runner.open(request);
  if (request.token && request.present === 'authenticate') {
    await runner.query({ sql: AUTHENTICATE, params: [request.token] });
  }
  if (request.introspect) console.log(JSON.stringify(await runner.introspect()));
  for (const unit of request.suite) await runUnit(runner, request, unit);
  await runner.close();
}

function start(runners) {
  main(runners).catch((error) => {
    console.error(error);
    process.exit(1);
  });
}

module.exports = { Skipped, rows, native, connectionOptions, start };
