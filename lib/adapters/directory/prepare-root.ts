import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileFault } from './faults.ts';
import { ensureFolderSync } from './folders.ts';

/** Where objects lie until they are whole. No key begins with a dot. */
export const TEMPORARY = '.incoming';

/** Makes the folder, removes what an earlier process left half written, and finds out whether it can be written. */
export function prepareRoot(root: string): void {
  const temporary = join(root, TEMPORARY);
  ensureFolderSync(temporary);
  try {
    for (const name of readdirSync(temporary)) rmSync(join(temporary, name), { recursive: true });
    const probe = join(temporary, 'probe');
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    throw fileFault(error, { doing: `write in ${root}` });
  }
}
