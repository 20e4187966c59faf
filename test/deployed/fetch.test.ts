import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { deployed, ROOT } from './support/deployed.ts';
import { httpClient, sigV4 } from './support/http-client.ts';
import { logClient } from './support/log-client.ts';

const { ca, stack } = deployed();
const http = httpClient({ url: stack.url, ca, authorize: sigV4(ROOT) });
const client = logClient(http);
const topic = 'fetched';

/** Far more than a call takes, far less than the 20 s that the reader is willing to wait. */
const PROMPT_MS = 10_000;
const PATIENCE_MS = 20_000;

describe('a reader through API Gateway', () => {
  beforeAll(() => client.createTopic(topic, 2));

  it('that waits at the end is answered as soon as another process has appended', async () => {
    const start = await client.endOffset(topic, 0);
    const startedMs = performance.now();
    const waiting = client.read({ topic, partition: 0, offset: start }, { timeoutMs: PATIENCE_MS });
    // So that it usually has found nothing before there is something; the claim holds if it has not.
    await sleep(1_000);
    const answer = await client.produce({ topic, partition: 0, values: ['awaited'] });
    expect(answer.kind).toBe('acknowledged');
    expect((await waiting).records.map(({ value }) => value)).toEqual(['awaited']);
    expect(performance.now() - startedMs).toBeLessThan(PROMPT_MS);
  });

  it('that waits in vain gets nothing, when its time is over, and its place back', async () => {
    const end = await client.endOffset(topic, 1);
    const startedMs = performance.now();
    const { records, nextOffset } = await client.read(
      { topic, partition: 1, offset: end },
      { timeoutMs: 1_500 },
    );
    expect({ records, nextOffset }).toEqual({ records: [], nextOffset: end });
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(1_400);
  });

  it('is told OFFSET_OUT_OF_RANGE beyond the end', async () => {
    const response = await http({
      method: 'GET',
      path: `/topics/${topic}/partitions/0/records?offset=1000000&timeout=0&max_bytes=1000`,
    });
    expect(response.json()).toMatchObject({ kafka_error: 'OFFSET_OUT_OF_RANGE' });
  });

  it('sees what was acknowledged at once, whichever process it asks', async () => {
    for (let count = 0; count < 10; count += 1) {
      const answer = await client.produce({ topic, partition: 1, values: [count] });
      if (answer.kind === 'failed') throw new Error(JSON.stringify(answer));
      expect(await client.endOffset(topic, 1)).toBe((answer.offsets[0] ?? -1) + 1);
    }
  });

  it('gets bytes as they are stored, through the base64 that API Gateway needs', async () => {
    const response = await http({
      method: 'GET',
      path: `/topics/${topic}/partitions/1/records?offset=0&timeout=0&max_bytes=100000`,
      headers: { accept: 'application/vnd.millrace.batches' },
    });
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe('application/vnd.millrace.batches');
    // The magic byte of record format v2, and the first base offset.
    expect(response.body.readInt8(16)).toBe(2);
    expect(response.body.readBigInt64BE(0)).toBe(0n);
  });
});
