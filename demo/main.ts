import { loadCodecs } from '../lib/record/index.ts';
import { ApiError, createClient } from './client.ts';
import { type DemoNode, StartError, startDemoNode } from './local-node.ts';
import { type DemoOptions, readOptions, USAGE, UsageError } from './options.ts';
import { type Pass, runPass } from './pass.ts';
import { costLines, proofLines, speedLines } from './report.ts';
import { wayNamed } from './ways.ts';

/** `npm run demo`. Exit codes: 0 proved, 1 not proved or not possible, 2 bad command line, 130 Ctrl-C. */
async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === 'help') {
    console.log(USAGE);
    return 0;
  }
  const stop = new AbortController();
  const onSignal = (): void => {
    // A second signal ends the process as if nobody had listened.
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    stop.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const node = options.url === undefined ? await startDemoNode(options.dataDir) : undefined;
  try {
    return await run(options, node, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    console.error('\ninterrupted');
    return 130;
  } finally {
    await node?.close();
  }
}

async function run(options: DemoOptions, node: DemoNode | undefined, signal: AbortSignal): Promise<number> {
  const url = node?.url ?? options.url ?? '';
  console.log(`millrace at ${url}${node === undefined ? '' : ` data ${node.dataDir}`}`);
  const codecs = await loadCodecs();
  const client = createClient({ url, headers: options.headers, signal });
  const passes: Pass[] = [];
  for (const wayName of options.ways) {
    passes.push(await runPass(client, { ...options, wayName, way: wayNamed(wayName, codecs) }));
  }
  print(passes.flatMap(proofLines));
  print([
    node === undefined ? 'speed' : 'speed on this machine, every request on disk before it is answered',
    ...passes.flatMap(speedLines),
  ]);
  print(costLines(passes));
  if (node?.isTemporary === false) print([`The topics stay in ${node.dataDir}`]);
  return passes.every(({ problems }) => problems.length === 0) ? 0 : 1;
}

function print(lines: readonly string[]): void {
  console.log(`\n${lines.join('\n')}`);
}

/** What the person who started it can mend in one line; anything else whole. */
function fail(error: unknown): number {
  if (error instanceof UsageError) {
    console.error(`${error.message}\n\n${USAGE}`);
    return 2;
  }
  const isExpected = error instanceof ApiError || error instanceof StartError;
  console.error('demo failed:', isExpected ? error.message : error);
  return 1;
}

process.exitCode = await main().catch(fail);
