import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync, type Metafile } from 'esbuild';

/** The file of a bundle that Lambda loads. */
export const BUNDLE_ENTRY = 'index.mjs';

export interface BundleSize {
  /** What is loaded before the first request. */
  readonly loadedBytes: number;
  /** With what waits until something needs it. */
  readonly totalBytes: number;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Bundles a function into ES modules with the AWS SDK inside, which loads faster than the SDK that comes with
 * the runtime. `module` before `main` matters: the CommonJS faces of some packages are many times larger.
 *
 * What is imported where it is needed (regular expressions, the OpenAPI document, the SDK's ways to find credentials) is split off.
 * In one file it would be read with the rest, and whatever it shares with the rest would be wrapped in functions, which
 * are parsed twice: a third of the time that loading took.
 *
 * A function has its credentials in its environment, which is looked at first, or from an endpoint that it names; what looks into a
 * person's files stays outside (90 KB).
 */
export function bundle(entry: string, outdir: string): BundleSize {
  const { metafile } = buildSync({
    entryPoints: { index: entry },
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    mainFields: ['module', 'main'],
    minify: true,
    external: [
      '@aws-sdk/credential-provider-ini',
      '@aws-sdk/credential-provider-process',
      '@aws-sdk/credential-provider-sso',
      '@aws-sdk/credential-provider-web-identity',
      // Tells browsers apart.
      'bowser',
    ],
    absWorkingDir: ROOT,
    nodePaths: [join(ROOT, 'node_modules')],
    metafile: true,
    logLevel: 'error',
  });
  return sizeOf(metafile, relative(ROOT, resolve(outdir, BUNDLE_ENTRY)));
}

function sizeOf({ outputs }: Metafile, entry: string): BundleSize {
  const loaded = new Set<string>();
  const load = (path: string): void => {
    const output = outputs[path];
    if (output === undefined || loaded.has(path)) return;
    loaded.add(path);
    for (const imported of output.imports) {
      if (imported.kind === 'import-statement') load(imported.path);
    }
  };
  load(entry);
  const bytesOf = (paths: Iterable<string>): number =>
    [...paths].reduce((sum, path) => sum + (outputs[path]?.bytes ?? 0), 0);
  return { loadedBytes: bytesOf(loaded), totalBytes: bytesOf(Object.keys(outputs)) };
}
