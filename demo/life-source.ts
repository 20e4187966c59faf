import { type Flights, openFlights } from './flights.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { createNewest, type Newest } from './newest.ts';
import { PARTITION_COUNT, startingWith } from './pass.ts';
import type { DemoRecord, ReadRecord } from './ways.ts';

/** Flights by route, and what is noted of them while they are sent. */
export interface LifeSource extends Flights {
  readonly sent: Ledger;
  readonly sentNewest: Newest;
  /** Notes in both; offsets are where records must come to stand. */
  readonly ledger: { add(partition: number, record: DemoRecord): void };
}

export async function openLifeSource(countMax: number): Promise<LifeSource> {
  const { count, rows } = await openFlights(countMax, 'route');
  const sent = createLedger(PARTITION_COUNT);
  const sentNewest = createNewest(PARTITION_COUNT);
  const noting = both(sent, sentNewest);
  const ends = Array.from({ length: PARTITION_COUNT }, () => 0);
  const add = (partition: number, { key, value }: DemoRecord): void => {
    const offset = ends[partition] ?? 0;
    ends[partition] = offset + 1;
    noting.add(partition, { key, value, offset });
  };
  return { count, rows: startingWith(await rows.next(), rows), sent, sentNewest, ledger: { add } };
}

export function both(ledger: Ledger, newest: Newest): { add(partition: number, record: ReadRecord): void } {
  return {
    add: (partition, record) => {
      ledger.add(partition, record);
      newest.add(partition, record);
    },
  };
}
