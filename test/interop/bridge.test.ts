import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/errors.ts';
import { type Engine, engineOn, openEngine } from '../../ops/bridge/engine.ts';
import { fromKafka } from '../../ops/bridge/from-kafka.ts';
import { type Kafka, openKafka } from '../../ops/bridge/kafka.ts';
import type { Progress } from '../../ops/bridge/progress.ts';
import { createStop } from '../../ops/bridge/stop.ts';
import { toKafka } from '../../ops/bridge/to-kafka.ts';
import { openStorage } from '../../ops/open-storage.ts';
import { type KafkaBroker, startKafkaBroker } from '../tools/kafka-broker.ts';
import { runBridge, runKilled } from './bridge-child.ts';
import { type Content, firstDifference, kafkaContent, millraceContent, seed } from './bridge-records.ts';

const TOPIC = 'orders';
const PARTITIONS = 3;
/** From the first records on that a bridge has copied. */
const KILLS_AFTER_MS = [0, 15, 40];
const QUIET: Progress = {
  copied: () => undefined,
  behind: () => undefined,
  notice: () => undefined,
  end: () => undefined,
};

let broker: KafkaBroker;
let kafka: Kafka;
let folder = '';
let dataDir = '';
let expected: Content = [];
const client = (): { clientId: string; bootstrapBrokers: string[] } => ({
  clientId: 'bridge-test',
  bootstrapBrokers: [broker.address],
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-bridge-'));
  dataDir = join(folder, 'data');
  broker = await startKafkaBroker();
  kafka = await openKafka(client());
  await kafka.createTopic(TOPIC, { partitionCount: PARTITIONS, configs: { 'retention.ms': '-1' } });
  expected = await seed(broker.address, TOPIC, PARTITIONS);
});

afterAll(async () => {
  await kafka?.close();
  await broker?.stop();
  await rm(folder, { recursive: true, force: true });
});

const argsOf = (direction: string, to: string): string[] => [
  direction,
  `--bootstrap=${broker.address}`,
  `--topic=${TOPIC}`,
  `--to=${to}`,
  `--data-dir=${dataDir}`,
  '--once',
];

async function withEngine<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await openEngine({ kind: 'local', dataDir });
  try {
    return await work(engine);
  } finally {
    engine.close();
  }
}

const copyIn = (engine: Engine, to: string): Promise<void> =>
  fromKafka({ kafka, engine, progress: QUIET, stop: createStop() }, { topic: TOPIC, to, isOnce: true });

/** Notes positions `count` times, and then dies: what was appended is not noted. */
function dyingAfterNotes(engine: Engine, count: number): Engine {
  let left = count;
  const commit: Engine['groups']['commit'] = (...args) => {
    left -= 1;
    if (left < 0) return Promise.reject(new Error('died'));
    return engine.groups.commit(...args);
  };
  return { ...engine, groups: { ...engine.groups, commit } };
}

/** Appends, and loses the answer of every third append. */
function losingAnswers(engine: Engine): Engine {
  let count = 0;
  const produce: Engine['log']['produce'] = async (...args) => {
    const result = await engine.log.produce(...args);
    count += 1;
    if (count % 3 === 0) throw new MillraceError('REQUEST_TIMED_OUT', 'no answer');
    return result;
  };
  const log = new Proxy(engine.log, {
    get: (target, name) => {
      if (name === 'produce') return produce;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { ...engine, log };
}

describe('from Kafka', () => {
  it('every committed record is there once and as it was, however often the bridge is killed', async () => {
    const { deaths, last } = await runKilled(argsOf('from-kafka', TOPIC), KILLS_AFTER_MS);
    expect(last).toMatchObject({ code: 0, signal: null });
    expect(deaths).toBeGreaterThan(0);
    const again = await runBridge(argsOf('from-kafka', TOPIC));
    expect(again.output).toContain(': 0 records');
    await withEngine(async (engine) => {
      expect(firstDifference(await millraceContent(engine, TOPIC), expected)).toBeUndefined();
      const { configs } = await engine.log.describeTopic(TOPIC, engine.newCall());
      expect(configs).toEqual({ 'retention.ms': '-1' });
    });
  });

  it('what was appended and not noted is found again', async () => {
    await withEngine(async (engine) => {
      // The first three notes are of partitions that have nothing; each bridge begins by noting all positions.
      for (const noteCount of [4, 1, 1, 2]) {
        await expect(copyIn(dyingAfterNotes(engine, noteCount), 'noted')).rejects.toThrow('died');
      }
      await copyIn(losingAnswers(engine), 'noted');
      expect(firstDifference(await millraceContent(engine, 'noted'), expected)).toBeUndefined();
    });
  });

  it('two bridges at once copy every record once', async () => {
    const open = await openStorage({ kind: 'local', dataDir });
    try {
      const engines = await Promise.all([engineOn(open.storage), engineOn(open.storage)]);
      await Promise.all(engines.map((engine) => copyIn({ ...engine, close: () => undefined }, 'twice')));
    } finally {
      open.close();
    }
    await withEngine(async (engine) => {
      expect(firstDifference(await millraceContent(engine, 'twice'), expected)).toBeUndefined();
    });
  });

  it('a topic that others wrote to is left alone', async () => {
    await withEngine(async (engine) => {
      await engine.log.createTopic({ name: 'foreign', partitionCount: PARTITIONS }, engine.newCall());
      const { batches } = await engine.log.fetch(
        { topic: TOPIC, partition: 0, offset: 0, maxBytes: 1 },
        engine.newCall(),
      );
      const foreign = Buffer.from(batches[0] ?? []);
      await engine.log.produce({ topic: 'foreign', partition: 1, batches: foreign }, engine.newCall());
      await expect(copyIn(engine, 'foreign')).rejects.toThrow('no bridge has copied');
    });
  });
});

describe('to Kafka', () => {
  /** A commit is answered before its markers are written, so readers may see the last transaction a little later. */
  const isComplete = (topic: string): Promise<void> =>
    expect
      .poll(async () => firstDifference(await kafkaContent(kafka, topic, PARTITIONS), expected), {
        timeout: 10_000,
      })
      .toBeUndefined();

  it('readers of committed records see every record once, however often the bridge is killed', async () => {
    const { deaths, last } = await runKilled(argsOf('to-kafka', 'back'), KILLS_AFTER_MS);
    expect(last).toMatchObject({ code: 0, signal: null });
    expect(deaths).toBeGreaterThan(0);
    await isComplete('back');
  });

  it('options of the client are taken from a file: a broker that asks for a password', async () => {
    const file = join(folder, 'client.json');
    await writeFile(file, JSON.stringify({ sasl: { mechanism: 'PLAIN', ...broker.login } }));
    const args = [...argsOf('to-kafka', 'back'), `--bootstrap=${broker.saslAddress}`];
    const again = await runBridge([...args, `--client=${file}`]);
    expect(again.code).toBe(0);
    expect(again.output).toContain(': 0 records');
    await writeFile(
      file,
      JSON.stringify({ sasl: { mechanism: 'PLAIN', ...broker.login, password: 'wrong' } }),
    );
    const refused = await runBridge([...args, `--client=${file}`]);
    expect(refused.code).toBe(2);
  });

  it('a topic that others wrote to is left alone', async () => {
    await withEngine(async (engine) => {
      const parts = { kafka, engine, client: client(), progress: QUIET, stop: createStop() };
      const copying = toKafka(parts, { topic: TOPIC, to: TOPIC, isOnce: true });
      await expect(copying).rejects.toThrow('no bridge has copied');
    });
  });

  it('a bridge that begins fences the one before', async () => {
    await withEngine(async (engine) => {
      const begun = Promise.withResolvers<void>();
      const progress = { ...QUIET, copied: () => begun.resolve() };
      const parts = { kafka, engine, client: client(), stop: createStop() };
      const topics = { topic: TOPIC, to: 'fenced', isOnce: true };
      const first = toKafka({ ...parts, progress }, topics);
      const fenced = expect(first).rejects.toThrow();
      await begun.promise;
      await toKafka({ ...parts, progress: QUIET }, topics);
      await fenced;
      await isComplete('fenced');
    });
  });
});
