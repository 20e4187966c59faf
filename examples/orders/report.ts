import { type Accounts, problemsOf } from './audit.ts';
import type { Worker } from './worker.ts';

/** What happened besides what was meant to. */
export interface Disturbances {
  readonly shops: readonly Worker[];
  readonly projections: readonly Worker[];
  /** Orders that were stored although their shop did not live to hear of it. */
  readonly unheard: number;
}

export function proofLines(accounts: Accounts, { shops, projections, unheard }: Disturbances): string[] {
  const { orders, events, totals } = accounts;
  const cents = orders.reduce((sum, order) => sum + order.cents, 0);
  const summed = [...totals.values()].reduce((sum, total) => sum + total.cents, 0);
  const counted = [...totals.values()].reduce((sum, total) => sum + total.orders, 0);
  const kills = (workers: readonly Worker[]): number =>
    workers.reduce((sum, worker) => sum + worker.kills, 0);
  return [
    '',
    `killed       ${times(kills(shops))} a shop, ${times(kills(projections))} a projection, without warning (SIGKILL)`,
    `orders       ${orders.length} in their table, ${dollars(cents)} in all`,
    `events       ${events.length} in the log`,
    `projection   ${counted} events counted, ${dollars(summed)} in all`,
    `unheard of   ${unheard} of the orders: stored when their shop was killed, before it could hear so;`,
    '             placed once more, each was refused by its own condition',
    '',
    ...verdictLines(problemsOf(accounts)),
  ];
}

function verdictLines(problems: readonly string[]): string[] {
  if (problems.length > 0) {
    return [
      `NOT PROVED: ${problems.length} things do not fit`,
      ...problems.slice(0, 20).map((line) => `  ${line}`),
    ];
  }
  return [
    'PROVED: each order has exactly one event, no event tells of an order that is not there,',
    'and every event was counted exactly once.',
  ];
}

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);
const dollars = (cents: number): string =>
  `$${(cents / 100).toLocaleString('en-US', { minimumFractionDigits: 2 })}`;
