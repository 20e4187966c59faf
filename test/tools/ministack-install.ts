import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const MINISTACK = '1.5.33';
/** MiniStack needs it to check JWTs and to make its TLS certificate, but does not bring it. */
const CRYPTOGRAPHY = '50.0.2';

/**
 * The directory of a Python environment with MiniStack in it, made if it is not there. It is built under a name of its
 * own and appears under its final name by one link, so a killed or a concurrent install leaves nothing half done.
 */
export async function installMinistack(root: string): Promise<string> {
  const home = join(root, '.venv');
  const finished = join(home, `ministack-${MINISTACK}`);
  if (await exists(join(finished, 'bin', 'ministack'))) return finished;
  await mkdir(home, { recursive: true });
  const building = await mkdtemp(join(home, 'build-'));
  try {
    await run('python3', ['-m', 'venv', building]);
    const packages = [`ministack==${MINISTACK}`, `cryptography==${CRYPTOGRAPHY}`];
    await run(join(building, 'bin', 'pip'), ['install', '--quiet', ...packages]);
    await symlink(basename(building), finished);
  } catch (error) {
    await rm(building, { recursive: true, force: true });
    // Somebody else was faster.
    if ((error as { readonly code?: unknown }).code !== 'EEXIST') throw error;
  }
  return finished;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
