import { join } from 'node:path';
import { openDirectoryBucket } from '../../../lib/adapters/directory/index.ts';
import { openSqliteTables, type SqliteTables } from '../../../lib/adapters/sqlite/index.ts';
import { systemClock, systemRandom } from '../../../lib/adapters/system/index.ts';
import type { Bucket } from '../../../lib/storage/bucket.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import { Meter } from '../../../lib/storage/meter.ts';
import { noise } from '../noise.ts';

/**
 * A process of its own on a data directory, for tests that kill it, starve it or take its rights away.
 * `node store-child.ts <open|write|fill|hold> <directory>`; every line it prints is one JSON value.
 */
const [mode, directory = ''] = process.argv.slice(2);
const clock = systemClock();
const random = systemRandom();
const IF_ABSENT = { condition: { kind: 'ifAbsent' } } as const;
const call = { meter: new Meter(), deadlineMs: Number.POSITIVE_INFINITY };

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function openTables(): SqliteTables {
  return openSqliteTables({ path: join(directory, 'millrace.db'), clock });
}

function openBucket(): Bucket {
  return openDirectoryBucket({ path: join(directory, 'objects'), clock, random });
}

/** Six writers of rows and two of objects, none waiting for another; says each one once it is acknowledged. */
async function writeForEver(tables: SqliteTables, bucket: Bucket): Promise<void> {
  const rows = Array.from({ length: 6 }, async (_, writer) => {
    for (let sk = 0; ; sk += 1) {
      const attributes = { n: sk, b: noise(500 + 7_000 * writer + sk) };
      await tables.hot.put({ pk: `w${writer}`, sk, version: random.id(), attributes }, IF_ABSENT, call);
      say({ row: [writer, sk] });
    }
  });
  const objects = Array.from({ length: 2 }, async (_, writer) => {
    for (let n = 0; ; n += 1) {
      await bucket.put(`spill/${writer}/${n}/x`, noise(10_000 + n), call);
      say({ object: [writer, n] });
    }
  });
  await Promise.all([...rows, ...objects]);
}

/** Writes until the disk or the limit on files is full; says how many rows and objects were acknowledged. */
async function fill(): Promise<void> {
  const tables = openTables();
  const bucket = openBucket();
  let rows = 0;
  let objects = 0;
  const rowFault = await firstFault(async (sk) => {
    await tables.hot.put(
      { pk: 'p', sk, version: random.id(), attributes: { b: noise(50_000) } },
      IF_ABSENT,
      call,
    );
    rows = sk + 1;
  });
  const objectFault = await firstFault(async (n) => {
    await bucket.put(`o/${n}`, noise(50_000 * 2 ** n), call);
    objects = n + 1;
  });
  say({ rows, objects, rowFault, objectFault });
}

async function firstFault(write: (n: number) => Promise<void>): Promise<unknown> {
  for (let n = 0; ; n += 1) {
    try {
      await write(n);
    } catch (error) {
      return told(error);
    }
  }
}

function told(error: unknown): unknown {
  if (!(error instanceof StorageFault)) return { error: String(error) };
  return { kind: error.kind, mayHaveHappened: error.mayHaveHappened, message: error.message };
}

/** Opens one of the two stores as a user who may not write there; root may write anywhere. */
function openUnprivileged(): void {
  if (process.getuid?.() === 0) {
    process.setegid?.(65_534);
    process.seteuid?.(65_534);
  }
  say(attempted(openTables));
  say(attempted(openBucket));
}

function attempted(open: () => unknown): unknown {
  try {
    open();
    return 'opened';
  } catch (error) {
    return told(error);
  }
}

async function run(): Promise<void> {
  if (mode === 'open') {
    say(attempted(openTables));
  } else if (mode === 'write') {
    await writeForEver(openTables(), openBucket());
  } else if (mode === 'fill') {
    await fill();
  } else if (mode === 'unprivileged') {
    openUnprivileged();
  } else if (mode === 'hold') {
    openTables();
    say('held');
    setInterval(() => undefined, 60_000);
  }
}

await run();
