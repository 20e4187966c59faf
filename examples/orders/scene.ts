import type { AwsOptions } from '../../lib/index.ts';

/** What every process of the example is told. */
export interface Scene {
  readonly aws: AwsOptions;
  /** Partition key `id`, a string. */
  readonly ordersTable: string;
  readonly stockTable: string;
  readonly totalsTable: string;
}

/** The topic of what happens to orders. */
export const TOPIC = 'orders';
export const PARTITION_COUNT = 4;
export const GROUP = 'revenue';

/** An order, and the event that tells of it. */
export interface Order {
  readonly id: string;
  readonly customer: string;
  readonly article: string;
  readonly cents: number;
}

const CUSTOMERS = ['Ada', 'Blaise', 'Carl', 'Dorothy', 'Emmy', 'Fermat'];
const ARTICLES = ['lamp', 'chair', 'rug', 'kettle'];

/** The n-th order of a shop (from 1): always the same, so that a shop that was killed can simply go on. */
export function orderOf(shop: string, n: number): Order {
  const pick = (from: readonly string[], step: number): string =>
    from[(n * step + shop.length) % from.length] ?? '';
  return {
    id: `${shop}-${n}`,
    customer: pick(CUSTOMERS, 5),
    article: pick(ARTICLES, 3),
    cents: 995 + ((n * 7_919) % 20_000),
  };
}
