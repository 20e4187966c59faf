import type { Call } from '../../storage/call.ts';
import { ItemReader } from '../../storage/format.ts';
import type { Item, Table } from '../../storage/table.ts';
import { DELETED_KEY, TOPICS_KEY, topicFromItem } from '../../topic/topic-item.ts';

export interface PartitionOfAny {
  readonly topicId: string;
  readonly partition: number;
}

/**
 * Every partition that may have items: of topics that live, are being deleted, or stand in the ledger of deleted ones, by
 * topic id. The topics are read before the ledger, and a topic enters the ledger before it leaves the topics, so none is
 * missed between the two.
 */
export async function everyPartition(catalog: Table<string>, call: Call): Promise<Iterable<PartitionOfAny>> {
  const counts = new Map<string, number>();
  await eachItem(catalog, TOPICS_KEY, call, (item) => {
    const { topicId, partitionCount, state } = topicFromItem(item);
    if (state !== 'deleted') counts.set(topicId, partitionCount);
  });
  await eachItem(catalog, DELETED_KEY, call, (item) => {
    counts.set(
      item.sk,
      Math.max(counts.get(item.sk) ?? 0, new ItemReader('deleted topic', item).number('p')),
    );
  });
  return inOrder([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function* inOrder(topics: readonly (readonly [string, number])[]): Generator<PartitionOfAny> {
  for (const [topicId, partitionCount] of topics) {
    for (let partition = 0; partition < partitionCount; partition += 1) yield { topicId, partition };
  }
}

async function eachItem(
  catalog: Table<string>,
  pk: string,
  call: Call,
  visit: (item: Item<string>) => void,
): Promise<void> {
  let after: string | undefined;
  for (;;) {
    const range = { limit: 1_000, consistent: true, ...(after === undefined ? {} : { after }) };
    const page = await catalog.query(pk, range, call);
    page.items.forEach(visit);
    after = page.items.at(-1)?.sk;
    if (!page.more || after === undefined) return;
  }
}
