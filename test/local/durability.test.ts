import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import {
  cleanUp,
  createTopic,
  dataFolder,
  type NodeProcess,
  produceOne,
  readAll,
  type Stored,
  startNode,
} from './node-process.ts';

afterEach(cleanUp);

const PARTITIONS = 3;
const WRITERS = 8;

/** Writers that go on until the node is gone; what was acknowledged to them, by value. */
async function writeUntilKilled(
  node: NodeProcess,
  round: number,
  killAfter: number,
): Promise<ReadonlyMap<string, Stored>> {
  const acknowledged = new Map<string, Stored>();
  let killed: Promise<unknown> | undefined;
  const writer = async (id: number): Promise<void> => {
    for (let count = 0; ; count += 1) {
      const value = `${round}/${id}/${count}`;
      // Some are large enough to be spilled to an object of their own.
      const filler = count % 10 === 9 ? 'x'.repeat(300_000) : '';
      const stored = await produceOne(node.url, 't', { key: value, value: { value, filler } }).catch(
        () => undefined,
      );
      if (stored === undefined) return;
      if ('offset' in stored) acknowledged.set(value, stored);
      if (acknowledged.size >= killAfter) killed ??= node.end('SIGKILL');
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, id) => writer(id)));
  await killed;
  return acknowledged;
}

describe('kill -9', () => {
  it('loses nothing that was acknowledged, doubles nothing and leaves no gap, again and again', async () => {
    const env = { MILLRACE_DATA_DIR: dataFolder() };
    const acknowledged = new Map<string, Stored>();
    for (let round = 0; round < 3; round += 1) {
      const node = await startNode({ env });
      if (round === 0) await createTopic(node.url, 't', PARTITIONS);
      for (const [value, stored] of await writeUntilKilled(node, round, 60)) acknowledged.set(value, stored);
    }
    expect(acknowledged.size).toBeGreaterThanOrEqual(180);

    const node = await startNode({ env });
    const stored = new Map<string, Stored>();
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const records = await readAll(node.url, 't', partition);
      expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => index));
      for (const record of records) {
        const { value } = record.value as { value: string };
        expect(stored.has(value), `${value} is stored twice`).toBe(false);
        stored.set(value, { partition: record.partition, offset: record.offset });
      }
    }
    for (const [value, place] of acknowledged) expect(stored.get(value), value).toMatchObject({ ...place });
  });

  it('between a produce and its retry: the idempotency key finds what was stored', async () => {
    const env = { MILLRACE_DATA_DIR: dataFolder() };
    const headers = { 'Idempotency-Key': 'payment-1' };
    const first = await startNode({ env });
    await createTopic(first.url, 't', PARTITIONS);
    const stored = await produceOne(first.url, 't', { value: 'paid' }, headers);
    await first.end('SIGKILL');
    const second = await startNode({ env });
    expect(await produceOne(second.url, 't', { value: 'paid' }, headers)).toEqual(stored);
  });
});

/** A file system of 6 MB; false where this user may not mount one. */
function mountSmall(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('a full disk', () => {
  it('is answered with KAFKA_STORAGE_ERROR; what was acknowledged stays, and reading goes on', async (context) => {
    const dataDir = dataFolder();
    // Only root may mount; elsewhere the adapters' own tests stand in with a limited number of pages.
    if (!mountSmall(dataDir)) context.skip('this user may not mount a small file system');
    try {
      const node = await startNode({ env: { MILLRACE_DATA_DIR: dataDir } });
      await createTopic(node.url, 't', 1);
      const acknowledged: number[] = [];
      const refused: { status: number; kafkaError: string }[] = [];
      for (let count = 0; count < 80 && refused.length < 5; count += 1) {
        const answer = await produceOne(node.url, 't', { value: `${count}`.padEnd(200_000, '.') });
        if ('offset' in answer) acknowledged.push(count);
        else refused.push(answer);
      }
      expect(refused.length).toBeGreaterThan(0);
      for (const answer of refused)
        expect(answer).toEqual({ status: 500, kafkaError: 'KAFKA_STORAGE_ERROR' });
      const values = (await readAll(node.url, 't', 0)).map(({ value }) => Number.parseInt(String(value), 10));
      expect(values).toEqual(acknowledged);
      expect(await node.end('SIGTERM')).toBe(0);
    } finally {
      await cleanUpMount(dataDir);
    }
  });
});

async function cleanUpMount(folder: string): Promise<void> {
  // The lazy form: a node that a failed test left running still holds files there.
  execFileSync('umount', ['-l', folder]);
}
