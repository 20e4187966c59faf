import { beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../../lib/log.ts';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import type { Call } from '../../../lib/storage/call.ts';
import type { ForeignWrite } from '../../../lib/topic/foreign-writes.ts';
import type { RemoteOrigin } from '../../../lib/topic/remote-origin.ts';
import { TopicCatalog } from '../../../lib/topic/topic-catalog.ts';
import { batchOf, memoryStorage, newCall, openMemoryLog, refusal } from '../../support/log-on-memory.ts';

const ORIGIN: RemoteOrigin = { source: 'east', topic: 'orders', topicId: 'T'.repeat(22), policy: 'prefixed' };

let storage: LogOptions;
let log: Log;
let topics: TopicCatalog;
let foreign: ForeignWrite[];
const call = (): Call => newCall(storage.clock);
const place = { topic: 'east.orders', partition: 0 };

beforeEach(async () => {
  storage = memoryStorage();
  foreign = [];
  log = await openMemoryLog({ ...storage, onForeignWrite: (write) => foreign.push(write) });
  topics = new TopicCatalog({ ...engineParts(storage), partitionCountDefault: 1 });
});

const create = (remote: RemoteOrigin = ORIGIN): ReturnType<TopicCatalog['create']> =>
  topics.create({ name: place.topic, remote }, call());

describe('a remote topic', () => {
  it('tells what it is a copy of, in every process', async () => {
    await create();
    expect((await topics.describe(place.topic, call())).remote).toEqual(ORIGIN);
    expect((await log.describeTopic(place.topic, call())).remote).toEqual(ORIGIN);
  });

  it('is read-only for users, who are counted', async () => {
    await create();
    expect(await refusal(log.produce({ ...place, batches: batchOf('a') }, call()))).toBe('POLICY_VIOLATION');
    expect(await refusal(log.deleteRecords({ ...place, offset: 0 }, call()))).toBe('POLICY_VIOLATION');
    expect(await refusal(log.createPartitions(place.topic, 2, call()))).toBe('POLICY_VIOLATION');
    expect(foreign.map(({ kind }) => kind)).toEqual(['produce', 'deleteRecords', 'createPartitions']);
    expect(foreign[0]).toEqual({ topic: place.topic, source: 'east', kind: 'produce' });
    expect((await log.listOffsets({ ...place, at: 'latest' }, call())).offset).toBe(0);
  });

  it('can be deleted as a whole', async () => {
    await create();
    await log.deleteTopic(place.topic, call());
    expect(await refusal(log.describeTopic(place.topic, call()))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  });

  it('is written to by everybody where its policy is merged', async () => {
    await create({ ...ORIGIN, policy: 'merged' });
    expect((await log.produce({ ...place, batches: batchOf('a') }, call())).baseOffset).toBe(0);
    expect(foreign).toEqual([]);
  });

  it('becomes one like any other when it is let go, and keeps its configs', async () => {
    const { topicId } = await topics.create(
      { name: place.topic, remote: ORIGIN, configs: { 'retention.ms': '1000' } },
      call(),
    );
    const promoted = { source: 'east', topicId: ORIGIN.topicId, endOffsets: [0] };
    expect(await topics.promote(await topics.describe(place.topic, call()), promoted, call())).toBe(true);
    const described = await log.describeTopic(place.topic, call());
    expect(described).toEqual(expect.objectContaining({ topicId, configs: { 'retention.ms': '1000' } }));
    expect(described.remote).toBeUndefined();
    expect((await log.produce({ ...place, batches: batchOf('a') }, call())).baseOffset).toBe(0);
  });

  it('takes nothing from the item of a topic that is none', async () => {
    const { name, topicId } = await log.createTopic({ name: 'plain' }, call());
    const { item } = await storage.catalog.get({ pk: 'topics', sk: name }, { consistent: true }, call());
    expect(item?.attributes).toEqual({ f: 1, t: topicId, p: 1, c: {} });
  });
});
