import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PackedProject, packedProject, ROOT, readJson } from './packed-library.ts';

let project: PackedProject;

beforeAll(async () => {
  project = await packedProject();
}, 120_000);

afterAll(() => project?.remove());

interface Snippet {
  readonly name: string;
  readonly text: string;
  readonly runs: boolean;
  readonly prints: readonly string[];
}

/** The programs of docs/library.md; those marked `aws` are compiled only. */
function snippets(): Snippet[] {
  const text = readFileSync(join(ROOT, 'docs/library.md'), 'utf8');
  return [...text.matchAll(/^```ts( aws)?\n([\s\S]*?)^```$/gm)].map(([, mark, body = ''], index) => ({
    name: `snippet-${index + 1}`,
    text: body,
    runs: mark === undefined,
    prints: [...body.matchAll(/^\/\/ prints: (.*)$/gm)].map(([, line = '']) => line),
  }));
}

describe('the packed library', () => {
  it('holds what was built of it, and nothing else', () => {
    const files = globSync('**/*', { cwd: project.library, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(project.library.length + 1));
    const odd = files.filter(
      (file) => !/^(?:package\.json|README\.md|LICENSE|dist\/lib\/.*\.(?:js|d\.ts))$/.test(file),
    );
    expect(odd).toEqual([]);
    expect(files).toContain('dist/lib/index.js');
    const { exports, private: isPrivate } = readJson(join(project.library, 'package.json')) as {
      exports: Record<string, unknown>;
      private?: boolean;
    };
    expect(exports['.']).toEqual({ types: './dist/lib/index.d.ts', default: './dist/lib/index.js' });
    expect(isPrivate).toBeUndefined();
  });

  it('imports nothing that is not among its dependencies', () => {
    const { dependencies } = readJson(join(project.library, 'package.json')) as { dependencies: object };
    const imported = new Set<string>();
    for (const file of globSync('dist/**/*.{js,d.ts}', { cwd: project.library })) {
      const text = readFileSync(join(project.library, file), 'utf8');
      for (const [, specifier = ''] of text.matchAll(/\b(?:from|import)\s*\(?\s*'([^'\n]+)'/g)) {
        if (/^(?:\.|node:)/.test(specifier) || builtinModules.includes(specifier)) continue;
        imported.add(specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/'));
      }
    }
    const unnamed = [...imported].filter((name) => !Object.hasOwn(dependencies, name));
    expect(unnamed).toEqual([]);
    const unused = Object.keys(dependencies).filter((name) => !imported.has(name));
    expect(unused).toEqual([]);
  });

  it('loads only the storage that is used', async () => {
    project.write(
      'watch.mjs',
      `import { registerHooks } from 'node:module';
       const loaded = new Set();
       registerHooks({ resolve: (specifier, context, next) => {
         const found = next(specifier, context);
         loaded.add(found.url);
         return found;
       } });
       globalThis.loaded = loaded;`,
    );
    project.write(
      'embedded.mjs',
      `import { openMillrace } from 'millrace';
       const millrace = await openMillrace({ dataDir: 'data-embedded' });
       await millrace.admin.createTopic({ name: 't' });
       await millrace.producer().send({ topic: 't', value: 'v' });
       const consumer = millrace.consumer({ groupId: 'g', topics: ['t'], autoOffsetReset: 'earliest' });
       for await (const { value } of consumer) { console.log(value.toString()); break; }
       await millrace.close();
       const foreign = [...loaded].filter((url) => /@aws-sdk|@smithy|zod|@middy|powertools|re2js/.test(url));
       console.log(JSON.stringify(foreign));`,
    );
    const { code, stdout, stderr } = await project.node(['--import', './watch.mjs', 'embedded.mjs']);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'v\n[]\n', stderr: '' });
    project.write(
      'aws.mjs',
      `import { openMillrace } from 'millrace';
       const aws = { region: 'eu-central-1', hotTable: 'h', catalogTable: 'c', bucket: 'b', endpoint: 'http://127.0.0.1:1', credentials: { accessKeyId: 'a', secretAccessKey: 's' } };
       const opening = openMillrace({ aws });
       await new Promise((resolve) => setTimeout(resolve, 3000));
       console.log(JSON.stringify([...loaded].filter((url) => /node:sqlite|zod|@middy|powertools/.test(url))));
       process.exit(0);`,
    );
    const onAws = await project.node(['--import', './watch.mjs', 'aws.mjs']);
    expect(onAws).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
  });

  it('is typed for its users, down to mistakes', async () => {
    project.write(
      'good.ts',
      `import { type ConsumedRecord, type Millrace, MillraceError, openMillrace, type ProducerRecord } from 'millrace';
       const record: ProducerRecord = { topic: 't', value: null, headers: { a: 'b' } };
       export async function use(millrace: Millrace): Promise<readonly number[]> {
         const sent = await millrace.producer({ lingerMs: 5 }).sendBatch([record]);
         for await (const one of millrace.consumer({ groupId: 'g', topics: ['t'] })) {
           const text: string | undefined = (one satisfies ConsumedRecord).value?.toString('utf8');
           if (text === undefined) break;
         }
         return sent.map(({ offset }) => offset);
       }
       export const open = (): Promise<Millrace> => openMillrace({ dataDir: 'x' });
       export const isGone = (error: unknown): boolean => error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION';`,
    );
    const good = await project.compile(['good.ts']);
    expect(good.stdout).toBe('');
    const mistakes = [
      `openMillrace({ dataDir: 5 })`,
      `openMillrace({})`,
      `millrace.producer({ inflight: 3 })`,
      `millrace.producer().send({ topic: 't' })`,
      `millrace.consumer({ autoOffsetReset: 'beginning' })`,
      `millrace.admin.createTopic('t')`,
    ];
    const lines = mistakes.map((mistake) => `void ${mistake};`);
    project.write(
      'bad.ts',
      [
        "import { type Millrace, openMillrace } from 'millrace';",
        'declare const millrace: Millrace;',
        ...lines,
      ].join('\n'),
    );
    const bad = await project.compile(['--noEmit', 'bad.ts']);
    const wrong = new Set([...bad.stdout.matchAll(/^bad\.ts\((\d+),/gm)].map(([, line]) => Number(line) - 3));
    expect([...wrong].sort()).toEqual(mistakes.map((_, index) => index));
  });
});

describe('docs/library.md', () => {
  it('shows programs that compile, print what they say, and end by themselves', async () => {
    const all = snippets();
    expect(all.filter(({ runs }) => runs).length).toBeGreaterThanOrEqual(7);
    for (const { name, text } of all) project.write(`${name}/main.ts`, text);
    const compiled = await project.compile(all.map(({ name }) => `${name}/main.ts`));
    expect(compiled.stdout).toBe('');
    for (const { name, runs, prints } of all) {
      if (!runs) continue;
      const finished = await project.node(['main.js'], join(project.folder, name));
      expect({ name, ...finished }).toEqual({
        name,
        code: 0,
        stdout: prints.map((line) => `${line}\n`).join(''),
        stderr: '',
      });
    }
  }, 120_000);
});
