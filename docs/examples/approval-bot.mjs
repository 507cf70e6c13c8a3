// A bot that answers approval requests by a rule, and shows the others to people.
//
//   npm install pg
//   PGHOST=... PGDATABASE=<the audit's database> PGUSER=<a member of contauth_approver> \
//     node approval-bot.mjs crm.ticket
//
// Its rule: updates of the tables named on the command line are approved, deletes
// are rejected, everything else waits for a person.
import pg from 'pg';

const routine = new Set(process.argv.slice(2));
const client = new pg.Client();

async function answer({ request, agent, on_behalf_of, action, resources }) {
  const what = `${request}: ${action} on ${resources} by ${agent} for ${on_behalf_of ?? 'itself'}`;
  try {
    if (action === 'update' && resources.every((name) => routine.has(name))) {
      await client.query('SELECT contauth.approve($1, $2)', [request, 'routine, by the bot']);
      console.log(`approved ${what}`);
    } else if (action === 'delete') {
      await client.query('SELECT contauth.reject($1, $2)', [request, 'agents do not delete']);
      console.log(`rejected ${what}`);
    } else console.log(`waits ${what}`);
  } catch (error) {
    console.log(`refused ${what}: ${error.message}`);
  }
}

// Anybody who can connect can NOTIFY: only the table says what is asked for.
let busy = Promise.resolve();
const answered = new Set();
const look = () => (busy = busy.then(async () => {
  for (const row of (await client.query('SELECT * FROM contauth_audit.pending_approvals')).rows) {
    if (!answered.has(row.request)) await answer(row);
    answered.add(row.request);
  }
}));

client.on('notification', look);
await client.connect();
await client.query('LISTEN contauth_approval');
await look();
console.log('listening');
