import { expect, it } from 'vitest';
import type { Log } from '../../../lib/log.ts';
import type { Call } from '../../../lib/storage/call.ts';
import {
  batchOf,
  memoryStorage,
  newCall,
  openMemoryLog,
  refusal,
  textOf,
} from '../../support/log-on-memory.ts';

const storage = memoryStorage();
const PLACE = { topic: 'orders', partition: 0 };

function call(): Call {
  return newCall(storage.clock);
}

/** One record in a topic that is made for it, through a process of its own. */
async function made(value: string): Promise<{ readonly log: Log; readonly topicId: string }> {
  const log = await openMemoryLog(storage);
  const { topicId } = await log.createTopic({ name: PLACE.topic }, call());
  await log.produce({ ...PLACE, batches: batchOf(value) }, call());
  return { log, topicId };
}

it('a fetch that names the topic it means is never answered from another of that name', async () => {
  const old = await made('old');
  const stale = await openMemoryLog(storage);
  await stale.fetch({ ...PLACE, offset: 0 }, call());
  await old.log.deleteTopic(PLACE.topic, call());
  const { topicId } = await made('new');

  const texts = async (meant: { readonly topicId?: string }): Promise<string[]> =>
    textOf((await stale.fetch({ ...PLACE, ...meant, offset: 0 }, call())).batches);
  expect(await texts({})).toEqual(['0:old']);
  expect(await texts({ topicId })).toEqual(['0:new']);

  const { topicId: gone } = old;
  expect(await refusal(stale.fetch({ ...PLACE, topicId: gone, offset: 0 }, call()))).toBe('UNKNOWN_TOPIC_ID');
  const latest = stale.listOffsets({ ...PLACE, topicId: gone, at: 'latest' }, call());
  expect(await refusal(latest)).toBe('UNKNOWN_TOPIC_ID');
});
