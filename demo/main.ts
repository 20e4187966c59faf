import { setTimeout as sleep } from 'node:timers/promises';
import { LIMITS } from '../lib/limits.ts';
import { loadCodecs } from '../lib/record/index.ts';
import { ApiError, type Client, createClient } from './client.ts';
import { runLife } from './life.ts';
import { lifeFigureLines, lifeProofLines } from './life-report.ts';
import { type DemoNode, StartError, startDemoNode } from './local-node.ts';
import { type DemoOptions, readOptions, USAGE, UsageError } from './options.ts';
import { type Pass, type PassOptions, runPass } from './pass.ts';
import { costLines, proofLines, speedLines } from './report.ts';
import { wayNamed } from './ways.ts';

/** What it takes to read only what is there now. */
const AFRESH = {
  restart: 'the node is started anew: nothing that it knew before is left',
  wait: 'waiting for a minute: so long may readers go on with segments they know',
} as const;

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
  const connect = (): Client => createClient({ url: node?.url ?? url, headers: options.headers, signal });
  const startAfresh = async (): Promise<Client> => {
    console.log(node === undefined ? AFRESH.wait : AFRESH.restart);
    await (node?.restart() ?? sleep(LIMITS.topicCacheMsMax, undefined, { signal }));
    return connect();
  };
  const works = options.ways.map((wayName) => ({ ...options, wayName, way: wayNamed(wayName, codecs) }));
  const isProved = options.isLife
    ? await runLives(connect, works, startAfresh)
    : await runPasses(connect(), works, node);
  if (node !== undefined) print([`memory: ${peakMegabytes()} MB at most, the node's included`]);
  if (node?.isTemporary === false) print([`The topics stay in ${node.dataDir}`]);
  return isProved ? 0 : 1;
}

async function runPasses(
  client: Client,
  works: readonly PassOptions[],
  node: DemoNode | undefined,
): Promise<boolean> {
  const passes: Pass[] = [];
  for (const work of works) passes.push(await runPass(client, work));
  print(passes.flatMap(proofLines));
  print([
    node === undefined ? 'speed' : 'speed on this machine, every request on disk before it is answered',
    ...passes.flatMap(speedLines),
  ]);
  print(costLines(passes));
  return passes.every(({ problems }) => problems.length === 0);
}

async function runLives(
  connect: () => Client,
  works: readonly PassOptions[],
  startAfresh: () => Promise<Client>,
): Promise<boolean> {
  let isProved = true;
  for (const work of works) {
    const life = await runLife(connect(), { ...work, startAfresh });
    print(lifeProofLines(life));
    print(lifeFigureLines(life));
    isProved &&= life.orderProblems.length === 0 && life.newestProblems.length === 0;
  }
  return isProved;
}

/** Of the process: `maxRSS` is in KB. */
const peakMegabytes = (): number => Math.round((process.resourceUsage().maxRSS * 1_024) / 1e6);

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
