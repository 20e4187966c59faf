import { MillraceError, unreachable } from '../lib/errors.ts';
import { ApiError, openApi } from './region/api.ts';
import { type RegionArguments, readRegionArguments, USAGE } from './region/arguments.ts';
import { exportTail } from './region/export-tail.ts';
import { failOver } from './region/fail-over.ts';
import { promote } from './region/promote.ts';
import { reCreate } from './region/re-create.ts';
import { changeRegion, type FlowBody, type RegionBody, tellFlow, tellRegion } from './region/region-state.ts';
import { type TopicBody, topicsOf } from './region/topics.ts';
import type { Output } from './verify-log.ts';

/** `npm run region`: looks at a region, freezes it, thaws it, leaves it for another one. docs/regions.md tells when. */
async function main({ command, ...access }: RegionArguments, output: Output): Promise<number> {
  switch (command.name) {
    case 'help':
      output.line(USAGE);
      return 0;
    case 'status':
      return status(openApi(command.url, access), output);
    case 'freeze':
    case 'thaw': {
      const api = openApi(command.url, access);
      const region = await changeRegion(api, command.name, output);
      tellRegion(api.name, region, output);
      return region.is_complete && region.state === (command.name === 'freeze' ? 'FROZEN' : 'OPEN') ? 0 : 1;
    }
    default:
      return (await betweenRegions(command, access, output)) ? 0 : 1;
  }
}

type Access = Omit<RegionArguments, 'command'>;
type Between = Exclude<RegionArguments['command'], { readonly name: 'help' | 'status' | 'freeze' | 'thaw' }>;

/** Whether it is done. */
function betweenRegions(command: Between, access: Access, output: Output): Promise<boolean> {
  const { source, waitMs } = command;
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const work = { source, waitMs, sleep, to: openApi(command.to, access) };
  switch (command.name) {
    case 'fail-over': {
      const { isLost, groups } = command;
      const from = isLost ? undefined : openApi(command.from, access);
      return failOver({ ...work, from, groups }, output);
    }
    case 'promote':
      return promote(work, output);
    case 'export-tail':
      return exportTail({ ...work, from: openApi(command.from, access) }, output);
    case 're-create': {
      const { topics, exclude, trimmed } = command;
      const chosen = { exclude, trimmed, ...(topics === undefined ? {} : { topics }) };
      return reCreate({ ...work, ...chosen, from: openApi(command.from, access) }, output);
    }
    default:
      return unreachable(command);
  }
}

/** 0 if every partition is as the state says. */
async function status(api: ReturnType<typeof openApi>, output: Output): Promise<number> {
  const region = await api.v3<RegionBody>('GET', '/region');
  tellRegion(api.name, region, output);
  for (const flow of await flowsOf(api)) tellFlow(flow, output);
  tellPromoted(await topicsOf(api), output);
  return region.is_complete ? 0 : 1;
}

function tellPromoted(topics: readonly TopicBody[], { line }: Output): void {
  const bySource = Map.groupBy(topics, ({ promoted }) => promoted?.source_region);
  for (const [source, promoted] of bySource) {
    if (source === undefined) continue;
    line(
      `${promoted.length} topics are written here that were copies from ${source} until they were promoted`,
    );
  }
}

/** None where there are no other regions. */
async function flowsOf(api: ReturnType<typeof openApi>): Promise<readonly FlowBody[]> {
  try {
    return (await api.v3<{ readonly data: readonly FlowBody[] }>('GET', '/flows')).data;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return [];
    throw error;
  }
}

try {
  const output = { line: console.log, progress: console.error };
  process.exitCode = await main(readRegionArguments(process.argv.slice(2), process.env), output);
} catch (error) {
  const isUsage = error instanceof TypeError || (error instanceof Error && error.constructor === Error);
  const isTold = error instanceof ApiError || error instanceof MillraceError || isUsage;
  console.error(isTold ? `millrace: ${(error as Error).message}` : error);
  process.exitCode = 2;
}
