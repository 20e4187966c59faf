import { mkdir, open, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Folders whose names are known to be on disk; kept small because every segment has one of its own. */
const KNOWN_MAX = 10_000;

export interface DurableFolders {
  /** Makes a folder under the root and syncs every name on the way that is not known to be on disk. */
  ensure(folder: string): Promise<void>;
  /** Syncs the names in a folder: a file is only there after a power cut if its folder says so. */
  sync(folder: string): Promise<void>;
  /** Removes a folder and those around it as far as they are empty, up to the root. */
  removeEmpty(folder: string): Promise<void>;
}

export function durableFolders(root: string): DurableFolders {
  /** What was made by an earlier process may not have been synced by it, so nothing is known at first. */
  const known = new Set<string>([root]);

  // Making and removing take turns; otherwise a folder could be remembered that was removed and made again unsynced.
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work);
    turn = result.catch(() => undefined);
    return result;
  };

  const make = async (folder: string): Promise<void> => {
    await mkdir(folder, { recursive: true });
    const unknown: string[] = [];
    for (let at = folder; !known.has(at); at = dirname(at)) unknown.push(at);
    if (known.size + unknown.length > KNOWN_MAX) known.clear();
    // From the outside in: a folder that is known lies in known ones.
    for (const at of unknown.reverse()) {
      await syncFolder(dirname(at));
      known.add(at);
    }
    known.add(root);
  };

  const removeEmpty = async (folder: string): Promise<void> => {
    for (let at = folder; at !== root; at = dirname(at)) {
      known.delete(at);
      const removed = await rmdir(at).then(
        () => true,
        () => false,
      );
      if (!removed) return;
    }
  };

  return {
    ensure: async (folder) => {
      if (!known.has(folder)) await inTurn(() => make(folder));
    },
    sync: syncFolder,
    removeEmpty: (folder) => inTurn(() => removeEmpty(folder)),
  };
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
