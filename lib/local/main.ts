import { ListenError } from '../http/node-server.ts';
import { StorageFault } from '../storage/fault.ts';
import { type LocalNode, startLocalNode } from './node.ts';
import { type LocalRegions, startLocalRegions } from './regions.ts';
import { type LocalStart, readSettings } from './settings.ts';

/** `npm start`: the local node, or one for each region, until Ctrl-C or SIGTERM. Exit code 1, with one line that says why, if it cannot start. */
async function main(): Promise<void> {
  const read = readSettings(process.env);
  if ('problems' in read) {
    giveUp(read.problems.join('; '));
    return;
  }
  const { nodes, close } = await start(read);
  const stop = (): void => {
    // A second signal ends the process as if nobody had listened.
    process.off('SIGTERM', stop).off('SIGINT', stop);
    void close().then(() => process.exit(0), fail);
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  // One write: who waits for the first line has them all.
  console.log(greeting(nodes, read.regions));
}

function greeting(nodes: readonly LocalNode[], regions: readonly string[]): string {
  const ready = nodes.map(({ url, dataDir }, at) => {
    const region = regions[at];
    const which = region === undefined ? '' : ` region ${region}`;
    return `millrace ready ${url} data ${dataDir} pid ${process.pid}${which}`;
  });
  const [first, second] = nodes;
  const tries = first === undefined ? [] : [whatToTry(first.url)];
  const copies = second === undefined ? [] : [howToCopy(second, regions[0] ?? '')];
  return [...ready, ...tries, ...copies].join('\n');
}

async function start({ settings, regions }: LocalStart): Promise<LocalRegions> {
  if (regions.length > 0) return startLocalRegions(settings, regions);
  const node = await startLocalNode(settings);
  return { nodes: [node], close: () => node.close() };
}

const whatToTry = (url: string): string =>
  [
    'try:',
    `  curl -X POST ${url}/admin/topics -H 'Content-Type: application/json' -d '{"topic_name":"greetings"}'`,
    `  curl -X POST ${url}/topics/greetings -H 'Content-Type: application/vnd.kafka.json.v2+json' -d '{"records":[{"value":{"hello":"world"}}]}'`,
    `  curl '${url}/topics/greetings/partitions/0/records?offset=0' -H 'Accept: application/vnd.kafka.json.v2+json'`,
  ].join('\n');

const howToCopy = ({ url, log }: LocalNode, source: string): string =>
  [
    `copies from ${source}:`,
    `  curl -X POST ${url}/v3/clusters/${log.clusterId}/flows -H 'Content-Type: application/json' -d '{"source_region":"${source}"}'`,
    `  curl '${url}/topics/${source}.greetings/partitions/0/records?offset=0' -H 'Accept: application/vnd.kafka.json.v2+json'`,
  ].join('\n');

function giveUp(reason: string): void {
  console.error(`millrace cannot start: ${reason}`);
  process.exitCode = 1;
}

/** What the person who started it can mend in one line; anything else whole. */
function fail(error: unknown): void {
  if (error instanceof ListenError || error instanceof StorageFault) giveUp(error.message);
  else {
    console.error('millrace fault:', error);
    process.exitCode = 1;
  }
}

main().catch(fail);
