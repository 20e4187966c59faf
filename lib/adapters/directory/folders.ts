import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileFault } from './faults.ts';

/**
 * Makes a folder and all it lies in. A folder's name is only safe from a power cut once the folder around it has been
 * synced, so that is done for every new one. With `sync` the folder itself is synced too.
 */
export function ensureFolderSync(path: string, options: { readonly sync?: boolean } = {}): void {
  try {
    const missing: string[] = [];
    for (let folder = path; !existsSync(folder); folder = dirname(folder)) missing.push(folder);
    for (const folder of missing.reverse()) {
      mkdirSync(folder, { recursive: true });
      syncFolderSync(dirname(folder));
    }
    if (options.sync === true) syncFolderSync(path);
  } catch (error) {
    throw fileFault(error, { doing: `make the folder ${path}` });
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
