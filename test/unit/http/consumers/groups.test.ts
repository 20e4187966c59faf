import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../../../lib/errors.ts';
import { memoryStorage } from '../../../support/log-on-memory.ts';
import { manualClock } from '../../../tools/manual-clock.ts';
import { type Api, newTopic, openApi } from '../support.ts';
import { fill, filled, type Instance, instanceAt, newInstance } from './support.ts';

const MANUAL = { 'auto.commit.enable': 'false' };

/** Reads until nothing more comes, in turns. */
async function drain(...instances: readonly Instance[]): Promise<readonly string[]> {
  const seen: string[] = [];
  for (let idle = 0; idle < 3; idle += 1) {
    for (const instance of instances) {
      const records = await instance.read();
      seen.push(...records);
      if (records.length > 0) idle = -1;
    }
  }
  return seen;
}

/** Some turns of the event loop: enough for what is not waiting for the clock. */
async function later(): Promise<void> {
  for (let turns = 0; turns < 50; turns += 1) await new Promise((resolve) => setImmediate(resolve));
}

const places = (count: number, topic = 't'): readonly string[] =>
  Array.from({ length: count }, (_, partition) => `${topic}:${partition}`);

describe('an instance that subscribes', () => {
  it('has its partitions at once, so that it can seek before it reads', async () => {
    const api = await filled({ partitions: 3 });
    const instance = await newInstance(api);
    await instance.subscribe('t');
    expect(await instance.assignments()).toEqual(places(3));
    const offsets = places(3).map((_, partition) => ({ topic: 't', partition, offset: 2 }));
    expect((await instance.post('positions', { offsets })).status).toBe(204);
    expect(await instance.read()).toEqual(['t:0:2=2', 't:1:2=2', 't:2:2=2']);
  });

  it('says to what, and in Strimzi’s dialect with the partitions', async () => {
    const api = await filled({ partitions: 2 });
    const instance = await newInstance(api);
    expect((await instance.get('subscription')).json).toEqual({ topics: [] });
    await instance.subscribe('t');
    expect((await instance.get('subscription')).json).toEqual({ topics: ['t'] });
    const strimzi = await newInstance(api, { group: 's', config: { 'enable.auto.commit': true } });
    await strimzi.subscribe('t');
    expect((await strimzi.get('subscription')).json).toEqual({ topics: ['t'], partitions: [{ t: [0, 1] }] });
  });

  it('by a pattern gets the topics whose whole names match', async () => {
    const api = await filled();
    await newTopic(api, 'tt');
    await newTopic(api, 'other');
    const instance = await newInstance(api);
    expect((await instance.post('subscription', { topic_pattern: 't+' })).status).toBe(204);
    expect(await instance.assignments()).toEqual(['t:0', 'tt:0']);
    expect((await instance.get('subscription')).json).toEqual({ topics: ['t', 'tt'] });
  });

  it('to something else gives up what it does not need any more', async () => {
    const api = await filled({ partitions: 2 });
    await newTopic(api, 'u');
    const instance = await newInstance(api);
    await instance.subscribe('t', 'u', 't');
    expect(await instance.assignments()).toEqual([...places(2), 'u:0']);
    await instance.subscribe('u');
    expect(await instance.assignments()).toEqual(['u:0']);
  });

  it('and unsubscribes has none, and may be given some by its client', async () => {
    const api = await filled();
    const instance = await newInstance(api);
    await instance.subscribe('t');
    expect((await instance.delete('subscription')).status).toBe(204);
    expect(await instance.assignments()).toEqual([]);
    await instance.assign(['t', 0]);
    expect((await instance.read()).length).toBe(3);
    await instance.assign();
    await instance.subscribe('t');
    await instance.subscribe();
    expect((await instance.get('subscription')).json).toEqual({ topics: [] });
  });

  it('is a member of its group, with its name as client id, until it is deleted', async () => {
    const api = await filled();
    const instance = await newInstance(api, { config: { name: 'me' } });
    await instance.subscribe('t');
    const { members, state } = await api.groups.describe('g', api.newCall());
    expect(state).toBe('STABLE');
    expect(members).toMatchObject([{ clientId: 'me', subscription: { topics: ['t'] } }]);
    expect((await instance.delete()).status).toBe(204);
    expect((await api.groups.describe('g', api.newCall())).members).toEqual([]);
  });
});

describe('a subscription that is wrong is refused, and nobody joins', () => {
  it.each<[string, unknown, number, number, string]>([
    ['no body', undefined, 422, 422, 'INVALID_REQUEST'],
    ['neither topics nor pattern', {}, 422, 422, 'INVALID_REQUEST'],
    ['topics and pattern', { topics: ['t'], topic_pattern: 't' }, 409, 40903, 'INVALID_REQUEST'],
    ['topics that are no list', { topics: 't' }, 422, 422, 'INVALID_REQUEST'],
    ['an unknown topic', { topics: ['t', 'u'] }, 404, 40403, 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['a topic name that cannot be', { topics: ['a/b'] }, 422, 42206, 'INVALID_TOPIC_EXCEPTION'],
    ['an expression that is none', { topic_pattern: '(' }, 422, 42206, 'INVALID_REGULAR_EXPRESSION'],
    ['an expression that looks back', { topic_pattern: '(a)\\1' }, 422, 42206, 'INVALID_REGULAR_EXPRESSION'],
    [
      'too many topics',
      { topics: Array.from({ length: 1_001 }, (_, n) => `t${n}`) },
      422,
      422,
      'INVALID_REQUEST',
    ],
    ['an unknown member', { topics: ['t'], group: 'g' }, 422, 422, 'INVALID_REQUEST'],
  ])('%s', async (_what, body, status, restCode, kafkaError) => {
    const api = await filled();
    const instance = await newInstance(api);
    const answer = await instance.post('subscription', body);
    expect(answer).toMatchObject({ status, json: { error_code: restCode, kafka_error: kafkaError } });
    expect((await instance.get('subscription')).json).toEqual({ topics: [] });
    expect(await api.groups.list(api.newCall())).toEqual([]);
  });

  it('partitions chosen by a client that has subscribed', async () => {
    const api = await filled();
    const instance = await newInstance(api);
    await instance.subscribe('t');
    const partitions = [{ topic: 't', partition: 0 }];
    expect(await instance.post('assignments', { partitions })).toMatchObject({
      status: 409,
      json: { error_code: 40903 },
    });
    expect((await instance.get('subscription')).json).toEqual({ topics: ['t'] });
  });

  it('a member too many', async () => {
    const full = (): Promise<never> => {
      throw new MillraceError('GROUP_MAX_SIZE_REACHED', 'The group is full');
    };
    const api = await openApi({ groupMethods: { heartbeat: full } });
    await newTopic(api, 't');
    const instance = await newInstance(api);
    expect(await instance.post('subscription', { topics: ['t'] })).toMatchObject({
      status: 409,
      json: { error_code: 40903, kafka_error: 'GROUP_MAX_SIZE_REACHED' },
    });
    expect((await instance.get('subscription')).json).toEqual({ topics: [] });
  });
});

describe('several instances of one group', () => {
  it('share the partitions, and every record is delivered', async () => {
    const storage = memoryStorage();
    const [one, two] = [await openApi({ storage }), await openApi({ storage })];
    await filled({ api: one, partitions: 4 });
    const first = await newInstance(one);
    await first.subscribe('t');
    const second = await newInstance(two);
    await second.subscribe('t');
    expect(await second.assignments()).toEqual([]);
    const seen = await drain(first, second);
    expect([...new Set(seen)].length).toBe(12);
    const shares = [await first.assignments(), await second.assignments()];
    expect(shares.map(({ length }) => length)).toEqual([2, 2]);
    expect(shares.flat().sort()).toEqual(places(4));
    for (let partition = 0; partition < 4; partition += 1) await fill(one, partition, 2);
    expect((await drain(first, second)).length).toBe(8);
  });

  it('hand over what was read and committed; what was not is read once more', async () => {
    for (const [config, again] of [
      [{}, 0],
      [MANUAL, 6],
    ] as const) {
      const api = await filled({ partitions: 2 });
      const first = await newInstance(api, { config });
      await first.subscribe('t');
      expect((await first.read()).length).toBe(6);
      const second = await newInstance(api, { config });
      await second.subscribe('t');
      // Its next read says that it is done with what it has, and gives one partition up.
      expect(await first.read()).toEqual([]);
      const repeated = [...(await first.read()), ...(await second.read())];
      expect(await second.assignments()).toHaveLength(1);
      expect(repeated.length).toBe(again / 2);
    }
  });

  it('take the partitions of one that is deleted', async () => {
    const api = await filled({ partitions: 2 });
    const [first, second] = [await newInstance(api), await newInstance(api)];
    await first.subscribe('t');
    await second.subscribe('t');
    await drain(first, second);
    await first.delete();
    expect(await second.assignments()).toEqual(places(2));
    for (const partition of [0, 1]) await fill(api, partition, 1);
    expect((await drain(second)).length).toBe(2);
  });

  it('take the partitions of one that is never heard of again, with what it had not committed', async () => {
    const clock = manualClock();
    const api = await filled({ api: await openApi({ storage: memoryStorage(clock) }), partitions: 2 });
    const [first, second] = [await newInstance(api), await newInstance(api)];
    await first.subscribe('t');
    expect((await first.read()).length).toBe(6);
    await second.subscribe('t');
    expect(await second.read()).toEqual([]);
    for (let minute = 0; minute < 9; minute += 1) {
      clock.advance(60_000);
      await second.get('assignments');
    }
    expect(await second.assignments()).toEqual(places(2));
    expect((await second.read()).length).toBe(6);
    expect((await first.get('records?timeout=0')).status).toBe(404);
  });

  it('one without partitions waits as long as it was told, and gets some meanwhile', async () => {
    const api = await filled({ partitions: 2 });
    const [first, second] = [await newInstance(api), await newInstance(api)];
    await first.subscribe('t');
    await first.read();
    await second.subscribe('t');
    await fill(api, 0, 1);
    await fill(api, 1, 1);
    const waiting = second.get('records?timeout=8000');
    const own = await first.read();
    const [given] = (await waiting).json;
    expect(own.length + 1).toBeGreaterThanOrEqual(2);
    expect(given.offset).toBe(3);
  });

  it('one that waits long for records hands over meanwhile what others are to have', async () => {
    const clock = manualClock();
    const storage = memoryStorage(clock);
    const api = await filled({ api: await openApi({ storage }), partitions: 2, records: 0 });
    const [first, second] = [await newInstance(api), await newInstance(api)];
    await first.subscribe('t');
    const waiting = api.ask('GET', `${first.path}/records?timeout=20000`, { ms: 60_000 });
    await second.subscribe('t');
    expect(await second.assignments()).toEqual([]);
    let own: readonly string[] = [];
    for (let seconds = 0; seconds < 15 && own.length === 0; seconds += 1) {
      await later();
      clock.advance(1_000);
      await later();
      own = await second.assignments();
    }
    expect(own).toHaveLength(1);
    for (const partition of [0, 1]) await fill(api, partition, 1);
    await later();
    expect((await waiting).json).toHaveLength(1);
    expect(await second.read()).toHaveLength(1);
  });

  it('one that its group has lost joins again with its next read, and commits nothing old', async () => {
    const api = await filled({ partitions: 2 });
    const instance = await newInstance(api, { config: MANUAL });
    await instance.subscribe('t');
    expect((await instance.read()).length).toBe(6);
    const [member] = (await api.groups.describe('g', api.newCall())).members;
    await api.groups.heartbeat(
      { groupId: 'g', memberId: member?.memberId ?? '', memberEpoch: -1 },
      api.newCall(),
    );
    expect(await instance.post('offsets')).toMatchObject({
      status: 409,
      json: { error_code: 40903, kafka_error: 'UNKNOWN_MEMBER_ID' },
    });
    expect(await api.groups.committed('g', undefined, api.newCall())).toEqual([]);
    expect((await instance.read()).length).toBe(6);
    expect((await instance.post('offsets')).status).toBe(200);
    expect(await instance.committed()).toEqual({ 0: 3, 1: 3 });
  });
});

describe('topics that change under a subscription', () => {
  it('a topic that is made again is another one, read from its beginning', async () => {
    const clock = manualClock();
    const api: Api = await openApi({ storage: memoryStorage(clock) });
    await filled({ api });
    const instance = await newInstance(api);
    await instance.subscribe('t');
    expect((await instance.read()).length).toBe(3);
    await api.log.deleteTopic('t', api.newCall());
    await filled({ api, records: 2 });
    const seen: string[] = [];
    for (let minute = 0; minute < 3; minute += 1) {
      clock.advance(61_000);
      seen.push(...(await instance.read()));
    }
    expect(seen).toEqual(['t:0:0=0', 't:0:1=1']);
  });

  it('a topic that goes before it is read does not stand in the way of others', async () => {
    const api = await filled();
    await newTopic(api, 'u');
    await fill(api, 0, 1, 'u');
    const [first, second] = [await newInstance(api), await newInstance(api)];
    await first.subscribe('t', 'u');
    await api.log.deleteTopic('t', api.newCall());
    await second.subscribe('u');
    await first.delete();
    expect(await drain(second)).toEqual(['u:0:0=0']);
    const third = await newInstance(api, { group: 'h' });
    await third.subscribe('u');
    expect(await third.read()).toEqual(['u:0:0=0']);
  });

  it('partitions that are added are read, too', async () => {
    const clock = manualClock();
    const api = await openApi({ storage: memoryStorage(clock) });
    await filled({ api });
    const instance = await newInstance(api);
    await instance.subscribe('t');
    await instance.read();
    await api.log.createPartitions('t', 2, api.newCall());
    clock.advance(61_000);
    await instance.read();
    await fill(api, 1, 1);
    clock.advance(61_000);
    const elsewhere = instanceAt(api, instance.path);
    expect([...(await elsewhere.read()), ...(await elsewhere.read())]).toEqual(['t:1:0=0']);
  });
});
