import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { errorCode, fileFault } from './faults.ts';

/**
 * Makes a folder and all it lies in. A folder's name is only safe from a power cut once the folder around it has been
 * synced, so that is done for every new one, and for the first that was there: an earlier process may have died between
 * making and syncing it. With `sync` the folder itself is synced too.
 */
export function ensureFolderSync(path: string, options: { readonly sync?: boolean } = {}): void {
  try {
    const missing: string[] = [];
    let folder = resolve(path);
    for (; !existsSync(folder); folder = dirname(folder)) missing.push(folder);
    syncForeignFolder(dirname(folder));
    for (const next of missing.reverse()) {
      mkdirSync(next, { recursive: true });
      syncFolderSync(dirname(next));
    }
    if (options.sync === true) syncFolderSync(path);
  } catch (error) {
    throw fileFault(error, { doing: `make the folder ${path}` });
  }
}

/** A folder that somebody else made for us may be closed to us; then its names are that one's care. */
function syncForeignFolder(path: string): void {
  try {
    syncFolderSync(path);
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS', 'EINVAL'].includes(errorCode(error) ?? '')) throw error;
  }
}

function syncFolderSync(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
