import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../../../lib/errors.ts';
import type { Log } from '../../../../lib/log.ts';
import { memoryStorage, newCall } from '../../../support/log-on-memory.ts';
import { type Api, BINARY_V2, JSON_V2, newTopic, openApi, produce, TEXT_V2 } from '../support.ts';
import { fill, filled, type Instance, instanceAt, newInstance } from './support.ts';

async function reading(api: Api, count = 1, config: object = {}): Promise<Instance> {
  const instance = await newInstance(api, { config });
  await instance.assign(
    ...Array.from({ length: count }, (_, partition): [string, number] => ['t', partition]),
  );
  return instance;
}

describe('reading records', () => {
  it('answers topic, place, time, key, value and headers in the type of the instance', async () => {
    const api = await openApi();
    await newTopic(api, 't');
    const record = { key: 'k', value: { n: 1 }, timestamp: 5, headers: [{ key: 'h', value: 'AQ==' }] };
    await produce(api, '/topics/t/partitions/0', [record]);
    const answer = await (await reading(api)).get('records');
    expect(answer.headers['Content-Type']).toBe(JSON_V2);
    expect(answer.headers['X-Millrace-Cost']).toMatch(/^write-units=/);
    expect(answer.json).toEqual([{ topic: 't', partition: 0, offset: 0, ...record }]);
  });

  it.each([
    ['binary', BINARY_V2, ['YQ==', 'Yg==']],
    ['text', TEXT_V2, ['a', 'b']],
  ])('as %s', async (format, media, values) => {
    const api = await openApi();
    await newTopic(api, 't');
    await produce(api, '/topics/t/partitions/0', [{ value: 'a' }, { value: 'b' }], TEXT_V2);
    const instance = await newInstance(api, { format });
    await instance.assign(['t', 0]);
    const answer = await instance.get('records', media);
    expect(answer.headers['Content-Type']).toBe(media);
    expect(answer.json.map(({ value }: { value: string }) => value)).toEqual(values);
  });

  it.each(['', '*/*', 'application/json', 'application/vnd.kafka.v2+json', `${BINARY_V2}, ${JSON_V2};q=0.5`])(
    'Accept %j takes what the instance answers',
    async (accept) => {
      const instance = await reading(await filled());
      expect((await instance.get('records', accept)).headers['Content-Type']).toBe(JSON_V2);
    },
  );

  it.each([BINARY_V2, TEXT_V2, 'application/vnd.kafka.avro.v2+json', 'text/html'])(
    'Accept %j is 406 with code 40601 and loses nothing',
    async (accept) => {
      const instance = await reading(await filled());
      expect(await instance.get('records', accept)).toMatchObject({
        status: 406,
        json: { error_code: 40601 },
      });
      expect((await instance.read()).length).toBe(3);
    },
  );

  it('in a format of a schema registry is 501: such an instance may be created, as in the REST Proxy', async () => {
    const api = await filled();
    const instance = await newInstance(api, { format: 'avro' });
    await instance.assign(['t', 0]);
    expect(await instance.get('records')).toMatchObject({ status: 501, json: { error_code: 40801 } });
  });

  it('of an instance without partitions or subscription is 409', async () => {
    const api = await filled();
    expect(await (await newInstance(api)).get('records')).toMatchObject({
      status: 409,
      json: { error_code: 40903, kafka_error: 'INVALID_REQUEST' },
    });
  });

  it.each(['timeout=soon', 'max_bytes=1.5', 'max_bytes='])('?%s is refused', async (query) => {
    const instance = await reading(await filled());
    expect(await instance.get(`records?${query}`)).toMatchObject({
      status: 400,
      json: { error_code: 40002 },
    });
  });

  it.each(['timeout=-1', 'max_bytes=-1', 'timeout=99999999', 'max_bytes=0'])(
    '?%s is the default',
    async (query) => {
      const instance = await reading(await filled());
      expect((await instance.get(`records?${query}`)).json).toHaveLength(3);
    },
  );
});

it('asking for the head of a read is refused, because a read moves on', async () => {
  const api = await filled();
  const instance = await reading(api);
  expect((await api.ask('HEAD', `${instance.path}/records`)).status).toBe(405);
  expect((await instance.read()).length).toBe(3);
});

describe('the size of an answer', () => {
  it('is bounded, but one record always goes out, and the next read goes on behind it', async () => {
    const api = await openApi();
    await newTopic(api, 't');
    const large = 'x'.repeat(5_000);
    await produce(
      api,
      '/topics/t/partitions/0',
      [1, 2, 3].map((n) => ({ key: n, value: large })),
    );
    const instance = await reading(api);
    for (const key of [1, 2, 3]) {
      const { json } = await instance.get('records?timeout=0&max_bytes=1000');
      expect(json.map((record: { key: number }) => record.key)).toEqual([key]);
    }
    expect((await instance.get('records?timeout=0')).json).toEqual([]);
  });

  it('is shared by the partitions', async () => {
    const api = await filled({ partitions: 3, records: 100 });
    const instance = await reading(api, 3);
    const answer = await instance.get('records?timeout=0&max_bytes=6000');
    expect(answer.bytes.length).toBeLessThanOrEqual(6_000);
    const partitions = answer.json.map((record: { partition: number }) => record.partition);
    for (const partition of [0, 1, 2]) {
      const count = partitions.filter((number: number) => number === partition).length;
      expect(count, `partition ${partition}`).toBeGreaterThan(15);
    }
  });

  it('gives every partition its turn, also those whose records are larger than an answer', async () => {
    const api = await filled({ partitions: 4, records: 0 });
    for (const partition of [0, 1, 2]) await fill(api, partition, 50);
    await produce(
      api,
      '/topics/t/partitions/3',
      [1, 2, 3].map((key) => ({ key, value: 'x'.repeat(2_000) })),
    );
    const instance = await reading(api, 4);
    const seen = new Map<number, number>();
    for (let count = 0; count < 16; count += 1) {
      const { json } = await instance.get('records?timeout=0&max_bytes=300');
      for (const { partition } of json) seen.set(partition, (seen.get(partition) ?? 0) + 1);
    }
    expect(seen.get(3)).toBe(3);
    for (const partition of [0, 1, 2]) expect(seen.get(partition)).toBeGreaterThan(3);
  });

  it('fetches again where one partition has more than its share and the others have nothing', async () => {
    const api = await filled({ partitions: 8, records: 0 });
    const value = 'x'.repeat(10_000);
    for (let count = 0; count < 30; count += 1) await produce(api, '/topics/t/partitions/5', [{ value }]);
    const instance = await reading(api, 8);
    expect((await instance.get('records?timeout=0&max_bytes=400000')).json.length).toBe(30);
  });
});

describe('records that are not of the format', () => {
  it('are 408 when they come first, and do not stand in the way of other partitions', async () => {
    const api = await filled({ partitions: 2 });
    await produce(api, '/topics/t/partitions/0', [{ value: 'not json' }], TEXT_V2);
    const instance = await reading(api, 2);
    expect((await instance.read()).length).toBe(6);
    expect(await instance.get('records?timeout=0')).toMatchObject({
      status: 408,
      json: { error_code: 40801, kafka_error: 'INVALID_RECORD' },
    });
    await fill(api, 1, 1);
    expect(await instance.read()).toEqual(['t:1:3=0']);
    expect((await instance.get('records?timeout=0')).status).toBe(408);
    await instance.post('positions', { offsets: [{ topic: 't', partition: 0, offset: 4 }] });
    expect(await instance.read()).toEqual([]);
  });
});

describe('waiting for records', () => {
  it('ends as soon as one partition has some', async () => {
    const api = await filled({ partitions: 3, records: 0 });
    const instance = await reading(api, 3);
    const waiting = instance.get('records?timeout=8000');
    await fill(api, 2, 1);
    expect((await waiting).json).toMatchObject([{ partition: 2, offset: 0 }]);
  });

  it('goes on for fetch.min.bytes, and ends with what there is', async () => {
    const api = await filled({ partitions: 2, records: 1 });
    const instance = await reading(api, 2, { 'fetch.min.bytes': 200 });
    const waiting = instance.get('records?timeout=8000');
    await fill(api, 1, 1);
    expect((await waiting).json).toHaveLength(3);
    await fill(api, 1, 1);
    expect((await instance.get('records?timeout=20')).json).toHaveLength(1);
  });

  it('ends with the client, whose records are there for the next read', async () => {
    const api = await filled({ records: 0 });
    const instance = await reading(api);
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = api.ask('GET', `${instance.path}/records?timeout=8000`, { signal });
    controller.abort();
    expect((await waiting).json).toEqual([]);
    await fill(api, 0, 2);
    expect((await instance.read()).length).toBe(2);
  });

  it('is bounded by the time the transport has left', async () => {
    const api = await filled({ records: 0 });
    const instance = await reading(api);
    const answer = await api.ask('GET', `${instance.path}/records?timeout=20000`, { ms: 600 });
    expect(answer).toMatchObject({ status: 200, json: [] });
  });
});

describe('several reads of one instance at once', () => {
  it('answer every record once between them, or say that they were too many', async () => {
    const storage = memoryStorage();
    const apis = [await openApi({ storage }), await openApi({ storage })] as const;
    await filled({ api: apis[0], records: 40 });
    const instance = await reading(apis[0]);
    const elsewhere = instanceAt(apis[1], instance.path);
    const seen: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      const reads = [instance, elsewhere, instance].map((one) => one.get('records?timeout=0&max_bytes=300'));
      for (const { status, json } of await Promise.all(reads)) {
        if (status === 200) seen.push(...json.map(({ offset }: { offset: number }) => offset));
        else expect({ status, json }).toMatchObject({ status: 409, json: { error_code: 40903 } });
      }
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen.map((_, index) => index));
    expect(seen.length).toBeGreaterThan(15);
  });

  it('are answered one after the other if they meet in one process', async () => {
    const api = await filled({ records: 40 });
    const instance = await reading(api);
    const reads = Array.from({ length: 8 }, () => instance.get('records?timeout=0&max_bytes=300'));
    const offsets = (await Promise.all(reads)).flatMap(({ status, json }) => {
      expect(status).toBe(200);
      return json.map(({ offset }: { offset: number }) => offset);
    });
    expect(offsets).toEqual(offsets.map((_, index) => index));
  });

  it('are refused when their time is over before their turn comes', async () => {
    const api = await filled({ records: 0 });
    const instance = await reading(api);
    const first = api.ask('GET', `${instance.path}/records?timeout=700`);
    const second = await api.ask('GET', `${instance.path}/records`, { ms: 300 });
    expect(second).toMatchObject({ status: 409, json: { error_code: 40903 } });
    expect((await first).json).toEqual([]);
  });

  it('an instance that is removed while it is read is gone', async () => {
    const api = await filled({ records: 0 });
    const instance = await reading(api);
    const waiting = instance.get('records?timeout=8000');
    expect((await instance.delete()).status).toBe(204);
    await fill(api, 0, 1);
    expect(await waiting).toMatchObject({ status: 404, json: { error_code: 40403 } });
  });
});

describe('a partition that cannot be read', () => {
  it('does not stand in the way of others, is told to the operator, and to the client when there is nothing else', async () => {
    const broken = new MillraceError('KAFKA_STORAGE_ERROR', 'An object is missing');
    const storage = memoryStorage();
    const sound = await openApi({ storage });
    await filled({ api: sound, partitions: 2 });
    const log = sound.log;
    const methods: Partial<Log> = {
      fetch: async (request, call) => {
        if (request.partition === 0) throw broken;
        return log.fetch(request, call);
      },
    };
    const api = await openApi({ storage, methods });
    const instance = await reading(api, 2);
    expect((await instance.read()).length).toBe(3);
    expect(api.faults.map(({ cause }) => cause)).toEqual([broken]);
    expect(await instance.get('records?timeout=5000')).toMatchObject({
      status: 500,
      json: { error_code: 50003, kafka_error: 'KAFKA_STORAGE_ERROR' },
    });
  });
});

describe('topics that go while they are read', () => {
  it('do not stand in the way of others', async () => {
    const api = await filled();
    await newTopic(api, 'u');
    await fill(api, 0, 1, 'u');
    const instance = await newInstance(api);
    await instance.assign(['t', 0], ['u', 0]);
    await api.log.deleteTopic('t', newCall(memoryStorage().clock));
    expect(await instance.read()).toEqual(['u:0:0=0']);
    expect(await instance.read()).toEqual([]);
    await instance.assign(['u', 0]);
    await api.log.deleteTopic('u', api.newCall());
    const began = performance.now();
    expect((await instance.get('records?timeout=300')).json).toEqual([]);
    // Its client would ask again at once, and again.
    expect(performance.now() - began).toBeGreaterThan(250);
  });
});
