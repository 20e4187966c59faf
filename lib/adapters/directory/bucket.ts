import { link, open, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Bucket, ObjectInfo } from '../../storage/bucket.ts';
import type { Clock } from '../../storage/clock.ts';
import { checkObjectKey, checkObjectRange } from '../../storage/object-key.ts';
import { observeNow } from '../../storage/observation.ts';
import type { Random } from '../../storage/random.ts';
import { objectGetUsage, objectPutUsage } from '../../storage/units.ts';
import { type DurableFolders, durableFolders } from './durable-folders.ts';
import { errorCode, fileFault } from './faults.ts';
import { keysInOrder } from './key-order.ts';
import { prepareRoot, TEMPORARY } from './prepare-root.ts';

/** A folder may be removed as empty between making it and linking a file into it. */
const LINK_ATTEMPTS_MAX = 5;

export interface DirectoryBucketOptions {
  /** The folder that holds the objects; made if it is missing. */
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Objects as files, the key being the path. An object is written under a temporary name, synced, and then linked to its
 * own name without overwriting, and the folder is synced: so a name always leads to whole bytes, and what was answered
 * survives a power cut. One process at a time: opening clears what an earlier one left half written, so the lock of
 * the tables beside it must be held. A key that is also the folder of others (`a` and `a/b`) is refused.
 *
 * Throws a `refused` or `full` fault if the directory cannot be written.
 */
export function openDirectoryBucket({ path, clock, random }: DirectoryBucketOptions): Bucket {
  const root = resolve(path);
  prepareRoot(root);
  const folders = durableFolders(root);
  const pathOf = (key: string): string => {
    checkObjectKey(key);
    return join(root, key);
  };

  return {
    put: async (key, bytes, call) => {
      const path = pathOf(key);
      const observation = observeNow(clock);
      call.meter.add(objectPutUsage(bytes.byteLength));
      const temporary = join(root, TEMPORARY, random.id());
      try {
        await writeSynced(temporary, bytes);
        await linkOnce(temporary, path, folders);
        // Also if the object was there already: whoever linked it may have died before this.
        await folders.sync(dirname(path));
      } catch (error) {
        throw fileFault(error, { doing: `write ${key}`, writes: true });
      } finally {
        await unlinkIfThere(temporary).catch(() => false);
      }
      return { observation };
    },

    get: async (key, range, call) => {
      const path = pathOf(key);
      const bytes = await readFileRange(key, path, range).catch((error: unknown) => {
        throw fileFault(error, { doing: `read ${key}` });
      });
      call.meter.add(objectGetUsage(bytes?.byteLength ?? 0));
      return bytes;
    },

    list: async (prefix, { after, limit }, call) => {
      call.meter.add({ objectLists: 1 });
      try {
        return await listObjects(root, { prefix, after, limit });
      } catch (error) {
        throw fileFault(error, { doing: `list ${prefix}` });
      }
    },

    delete: async (keys, call) => {
      const paths = keys.map(pathOf);
      call.meter.add({ objectDeletes: keys.length });
      try {
        for (const path of paths) {
          // Not synced: an object that comes back after a power cut is unreferenced, and swept again.
          if (await unlinkIfThere(path)) await folders.removeEmpty(dirname(path));
        }
      } catch (error) {
        throw fileFault(error, { doing: 'delete objects', writes: true });
      }
    },
  };
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Leaves a file that has the name already alone. */
async function linkOnce(from: string, to: string, folders: DurableFolders): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await folders.ensure(dirname(to));
    try {
      return await link(from, to);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return;
      if (errorCode(error) !== 'ENOENT' || attempt === LINK_ATTEMPTS_MAX) throw error;
    }
  }
}

async function readFileRange(
  key: string,
  path: string,
  range: { readonly start: number; readonly length: number } | undefined,
): Promise<Uint8Array | undefined> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const info = await file.stat();
    // A folder on the way to other keys is no object.
    if (!info.isFile()) return undefined;
    const { start, length } = range ?? { start: 0, length: info.size };
    if (range !== undefined) checkObjectRange(key, range, info.size);
    const bytes = new Uint8Array(Math.min(length, info.size - start));
    for (let done = 0; done < bytes.byteLength; ) {
      const { bytesRead } = await file.read(bytes, done, bytes.byteLength - done, start + done);
      if (bytesRead === 0) return bytes.subarray(0, done);
      done += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

async function listObjects(
  root: string,
  { limit, ...range }: { prefix: string; after: string | undefined; limit: number },
): Promise<{ objects: ObjectInfo[]; more: boolean }> {
  const objects: ObjectInfo[] = [];
  for await (const key of keysInOrder(root, range)) {
    if (objects.length === limit) return { objects, more: true };
    const info = await stat(join(root, key)).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (info !== undefined) objects.push({ key, bytes: info.size, modifiedMs: info.mtimeMs });
  }
  return { objects, more: false };
}

/** Answers whether it was there. */
async function unlinkIfThere(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    // EISDIR, or EPERM on macOS, for a folder on the way to other keys: no object of that name.
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errorCode(error) ?? '')) return false;
    throw error;
  }
}
