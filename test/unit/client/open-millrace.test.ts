import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Millrace, MillraceError, openMillrace, StorageFault } from '../../../lib/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-library-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function valuesOf(millrace: Millrace, count: number): Promise<string[]> {
  const consumer = millrace.consumer({ groupId: 'readers', topics: ['kept'], autoOffsetReset: 'earliest' });
  const values: string[] = [];
  for await (const { value } of consumer) {
    values.push(`${value}`);
    if (values.length === count) {
      await consumer.commit();
      break;
    }
  }
  return values;
}

describe('openMillrace on a directory', () => {
  it('finds what an earlier process stored, and goes on where its group was', async () => {
    const dataDir = join(folder, 'kept');
    const first = await openMillrace({ dataDir });
    await first.admin.createTopic({ name: 'kept' });
    const producer = first.producer();
    for (const value of ['a', 'b', 'c']) await producer.send({ topic: 'kept', value });
    expect(await valuesOf(first, 2)).toEqual(['a', 'b']);
    await first.close();
    const second = await openMillrace({ dataDir });
    expect(second.clusterId).toBe(first.clusterId);
    expect(await valuesOf(second, 1)).toEqual(['c']);
    await second.close();
  });

  it('sends what is still waiting before it is closed, once', async () => {
    const dataDir = join(folder, 'closing');
    const millrace = await openMillrace({ dataDir });
    await millrace.admin.createTopic({ name: 'kept' });
    const sent = millrace.producer({ lingerMs: 60_000 }).send({ topic: 'kept', value: 'late' });
    await Promise.all([millrace.close(), millrace.close()]);
    expect((await sent).offset).toBe(0);
    await millrace.close();
  });

  it('is closed whatever a consumer’s callback throws, and what waits is sent before', async () => {
    const dataDir = join(folder, 'throwing');
    const millrace = await openMillrace({ dataDir });
    await millrace.admin.createTopic({ name: 'kept' });
    const producer = millrace.producer({ lingerMs: 60_000 });
    await Promise.all([producer.send({ topic: 'kept', value: 'first' }), producer.flush()]);
    const onRevoked = (): never => {
      throw new Error('not now');
    };
    const consumer = millrace.consumer({
      groupId: 'g',
      topics: ['kept'],
      autoOffsetReset: 'earliest',
      onRevoked,
    });
    for await (const _ of consumer) break;
    const sent = producer.send({ topic: 'kept', value: 'second' });
    await expect(millrace.close()).rejects.toThrow('not now');
    expect((await sent).offset).toBe(1);
    await (await openMillrace({ dataDir })).close();
  });

  it('refuses a directory that is open already, and leaves it alone', async () => {
    const dataDir = join(folder, 'taken');
    const first = await openMillrace({ dataDir });
    const second = openMillrace({ dataDir });
    await expect(second).rejects.toBeInstanceOf(StorageFault);
    await expect(second).rejects.toMatchObject({ kind: 'refused' });
    await first.admin.createTopic({ name: 'kept' });
    await first.close();
    await (await openMillrace({ dataDir })).close();
  });

  it('has no outbox and no inbox, and says why', async () => {
    await using millrace = await openMillrace({ dataDir: join(folder, 'no-outbox') });
    expect(() => millrace.producer().outbox()).toThrow(MillraceError);
    expect(() => millrace.consumer({ groupId: 'g', topics: ['t'], autoCommit: false }).inbox()).toThrow(
      MillraceError,
    );
    expect(() => millrace.consumer({ groupId: 'g', topics: ['t'] }).inbox()).toThrow('autoCommit');
  });
});

describe('openMillrace with options that make no sense', () => {
  it('says what it takes', async () => {
    await expect(openMillrace({} as never)).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
    const aws = { region: 'eu-central-1', hotTable: '', catalogTable: 'c', bucket: 'b' };
    await expect(openMillrace({ aws })).rejects.toThrow('aws.hotTable');
  });
});
