import { type ExecFileException, execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url));

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, at most a minute. */
export function run(command: string, args: readonly string[], cwd: string): Promise<Finished> {
  return new Promise((resolve) => {
    const options = { cwd, timeout: 60_000, maxBuffer: 16 * 2 ** 20, killSignal: 'SIGKILL' } as const;
    execFile(command, [...args], options, (error: ExecFileException | null, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

export interface PackedProject {
  /** An empty project that has the packed library installed. */
  readonly folder: string;
  readonly library: string;
  /** Runs a program of the project. */
  node(args: readonly string[], cwd?: string): Promise<Finished>;
  /** Compiles the project's `.ts` files beside themselves, as strictly as can be. */
  compile(files: readonly string[]): Promise<Finished>;
  write(name: string, text: string): string;
  remove(): void;
}

/**
 * What `npm pack` makes, unpacked into an empty project, with exactly the dependencies it names beside it: the registry is
 * not needed, and an import that is not among them is not found.
 */
export async function packedProject(): Promise<PackedProject> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-packed-'));
  const packed = await run('npm', ['pack', '--json', '--pack-destination', folder], ROOT);
  if (packed.code !== 0) throw new Error(`npm pack failed: ${packed.stderr}`);
  const library = join(folder, 'node_modules', 'millrace');
  mkdirSync(library, { recursive: true });
  const tarball = join(folder, tarballName());
  const unpacked = await run('tar', ['xzf', tarball, '--strip-components=1', '-C', library], folder);
  if (unpacked.code !== 0) throw new Error(`tar failed: ${unpacked.stderr}`);
  const { dependencies = {} } = readJson(join(library, 'package.json')) as { dependencies?: object };
  for (const name of [...Object.keys(dependencies), '@types/node']) link(name, folder);
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  };
  write('package.json', JSON.stringify({ name: 'a-user', private: true, type: 'module' }));
  const settings = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--noUncheckedIndexedAccess',
    '--types',
    'node',
  ];
  const target = ['--target', 'es2024', '--module', 'nodenext', '--lib', 'es2024,esnext.disposable'];
  return {
    folder,
    library,
    node: (args, cwd = folder) => run(process.execPath, args, cwd),
    compile: (files) =>
      run(
        join(ROOT, 'node_modules', '.bin', 'tsc'),
        [...settings, ...target, '--skipLibCheck', ...files],
        folder,
      ),
    write,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

function tarballName(): string {
  const { name, version } = readJson(join(ROOT, 'package.json')) as { name: string; version: string };
  return `${name}-${version}.tgz`;
}

function link(name: string, folder: string): void {
  const from = join(ROOT, 'node_modules', name);
  if (!existsSync(from)) throw new Error(`dependency ${name} is not installed`);
  const to = join(folder, 'node_modules', name);
  mkdirSync(dirname(to), { recursive: true });
  symlinkSync(from, to, 'dir');
}
