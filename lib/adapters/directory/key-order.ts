import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from './faults.ts';

export interface WalkOptions {
  readonly prefix: string;
  /** Exclusive. */
  readonly after: string | undefined;
}

/**
 * The keys of all files under `root` that begin with `prefix`, in the byte order of whole keys. A folder sorts as if its
 * name ended in `/`, for that is how its keys go on: `a-b` comes before `a/b`, `a0` behind it. Folders that cannot hold
 * a key of the range are not read. Names that begin with a dot are not keys.
 */
export async function* keysInOrder(root: string, { prefix, after }: WalkOptions): AsyncGenerator<string> {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  yield* walk(root, folder, { prefix, after });
}

/** `folder` is empty or ends in `/`. */
async function* walk(root: string, folder: string, range: WalkOptions): AsyncGenerator<string> {
  for (const name of await sortedNames(join(root, folder))) {
    const path = folder + name;
    if (!mayHold(path, range)) continue;
    if (name.endsWith('/')) yield* walk(root, path, range);
    else yield path;
  }
}

function mayHold(path: string, { prefix, after }: WalkOptions): boolean {
  if (!path.startsWith(prefix) && !(path.endsWith('/') && prefix.startsWith(path))) return false;
  if (after === undefined || path > after) return true;
  // A folder at or before `after` can only hold later keys if `after` lies in it.
  return path.endsWith('/') && after.startsWith(path);
}

async function sortedNames(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.name.startsWith('.'))
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .sort((a, b) => (a < b ? -1 : 1));
  } catch (error) {
    // Not there, or a file where the prefix names a folder, or removed while we walked.
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}
