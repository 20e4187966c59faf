import { setTimeout as sleep } from 'node:timers/promises';
import { type Death, type Watch, watchFor } from './death.ts';
import { openLibrary, type Place, placeOrder } from './library-on-dynamodb.ts';

/** What a process is to do: place an order, and be killed meanwhile. */
export interface Assignment extends Place {
  readonly order: string;
  /** Undefined: it lives, and prints how many requests it made. */
  readonly death?: Death;
}

const assignment = JSON.parse(process.argv[2] ?? '{}') as Assignment;

const die = async (): Promise<never> => {
  // What was handed to the socket in this turn goes out first.
  await sleep(assignment.death?.moment === 'sent' ? 2 : 0);
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
};

let watch: Watch | undefined;
const millrace = await openLibrary(assignment, (client) => {
  watch = watchFor(client, assignment.death, { die, isDead: () => false });
});
await placeOrder(millrace, assignment.businessTable, assignment.order);
await millrace.close();
console.log(watch?.requestCount());
