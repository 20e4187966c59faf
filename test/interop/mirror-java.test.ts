import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchJars } from '../tools/maven.ts';
import { type GroupWorld, pair } from '../unit/replication/groups/group-world.ts';

const run = promisify(execFile);

const MIRROR_CLIENT = 'org.apache.kafka:connect-mirror-client:4.1.0';
const PROGRAM = join(import.meta.dirname, 'java/MirrorRecords.java');

async function java(...args: readonly string[]): Promise<string[]> {
  const jars = await fetchJars([MIRROR_CLIENT]);
  // Java prints in the encoding of its locale, whatever that is.
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const { stdout } = await run('java', ['-cp', join(jars, '*'), PROGRAM, ...args], { timeout: 120_000, env });
  return stdout.split('\n').filter((line) => line !== '');
}

describe("what a flow writes, read by MirrorMaker's own client", () => {
  let folder = '';
  let g: GroupWorld;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-mirror-'));
    g = await pair();
    await g.carry('eu', 'us');
    await g.commit('us', 'orders', 60);
    await g.commit('us', 'orders', 100, 'größe');
    await g.carry('eu', 'us');
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const partition = async (topic: string): Promise<string> => {
    const { log } = g.world.region('eu');
    const { batches } = await log.fetch({ topic, partition: 0, offset: 0 }, g.world.call());
    const file = join(folder, `${topic}.bin`);
    await writeFile(file, Buffer.concat(batches));
    return file;
  };

  it('heartbeats', async () => {
    const lines = await java('heartbeats', await partition('heartbeats'));
    expect(lines.map((line) => line.replace(/timestamp=18\d{11}/, 'timestamp=T'))).toEqual([
      'Heartbeat{sourceClusterAlias=us, targetClusterAlias=eu, timestamp=T}',
    ]);
  });

  it('checkpoints', async () => {
    const lines = await java('checkpoints', await partition('us.checkpoints.internal'));
    const offsets = (offset: number): string =>
      `topicPartition=us.orders-0, upstreamOffset=${offset}, downstreamOffset=${offset}, metadata=`;
    expect(lines.toSorted()).toEqual([
      `Checkpoint{consumerGroupId=g, ${offsets(60)}}`,
      `Checkpoint{consumerGroupId=größe, ${offsets(100)}}`,
    ]);
  });

  it('and found under the names that it looks for', async () => {
    await g.carry('us', 'eu');
    const [heartbeats, copied, checkpoints] = await java('names', 'eu');
    expect([heartbeats, copied]).toEqual(['heartbeats', 'eu.heartbeats']);
    expect(await g.world.topics('us')).toContain(copied);
    expect(checkpoints?.replace('eu', 'us')).toBe('us.checkpoints.internal');
    expect(await g.world.topics('eu')).toEqual(
      expect.arrayContaining([heartbeats, 'us.checkpoints.internal']),
    );
  });
});
