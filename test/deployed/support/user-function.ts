import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { AwsApi } from './aws-api.ts';

export interface TakenRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Text. */
  readonly value: string;
}

/** A function as a user would write it, which takes records. Functions of the emulator are processes of this machine. */
export interface UserFunction {
  readonly name: string;
  /** What it has taken, call by call: only those that it did not fail with. */
  readonly taken: () => Promise<readonly (readonly TakenRecord[])[]>;
  readonly remove: () => Promise<void>;
}

/**
 * Makes a function that takes every record but those with the value `poison`: a call with one of these throws, and none of
 * its records counts as taken.
 */
export async function createUserFunction(
  aws: AwsApi,
  { name, poison }: { readonly name: string; readonly poison: string },
): Promise<UserFunction> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-function-'));
  const file = join(folder, 'taken.jsonl');
  const source = `
import { appendFileSync } from 'node:fs';
export const handler = async (event) => {
  const taken = Object.values(event.records).flat().map(({ topic, partition, offset, value }) =>
    ({ topic, partition, offset, value: Buffer.from(value, 'base64').toString() }));
  if (taken.some(({ value }) => value === process.env.POISON)) throw new TypeError('this record is poison');
  appendFileSync(process.env.TAKEN_FILE, JSON.stringify(taken) + '\\n');
};
`;
  await aws.createFunction(name, {
    zip: storedZip('index.mjs', Buffer.from(source)),
    environment: { POISON: poison, TAKEN_FILE: file },
  });
  return {
    name,
    taken: async () => {
      const text = await readFile(file, 'utf8').catch(() => '');
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as TakenRecord[]);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

const STORED = 0;
const DATE_1980 = 0x21;

/** A ZIP archive of one file that is not compressed (PKWARE's APPNOTE, sections 4.3.7, 4.3.12 and 4.3.16). */
function storedZip(name: string, bytes: Buffer): Buffer {
  const sum = crc32(bytes);
  const path = Buffer.from(name);
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0); // version needed
  common.writeUInt16LE(STORED, 4);
  common.writeUInt16LE(DATE_1980, 8);
  common.writeUInt32LE(sum, 10);
  common.writeUInt32LE(bytes.length, 14);
  common.writeUInt32LE(bytes.length, 18);
  common.writeUInt16LE(path.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, path, bytes]);
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(0o100644 * 65_536, 6); // a plain file that everybody may read
  const madeBy = Buffer.from([20, 3]);
  const central = Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), madeBy, common, rest, path]);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(1, 4);
  end.writeUInt16LE(1, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(local.length, 12);
  return Buffer.concat([local, central, Buffer.from('PK\x05\x06', 'latin1'), end]);
}
