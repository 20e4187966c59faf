import { MillraceError } from '../lib/errors.ts';
import { ApiError, openApi } from './region/api.ts';
import { type RegionArguments, readRegionArguments, USAGE } from './region/arguments.ts';
import { failOver } from './region/fail-over.ts';
import { changeRegion, type FlowBody, type RegionBody, tellFlow, tellRegion } from './region/region-state.ts';
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
    case 'fail-over': {
      const { source, isLost, waitMs } = command;
      const from = isLost ? undefined : openApi(command.from, access);
      const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
      const isDone = await failOver({ source, from, to: openApi(command.to, access), waitMs, sleep }, output);
      return isDone ? 0 : 1;
    }
  }
}

/** 0 if every partition is as the state says. */
async function status(api: ReturnType<typeof openApi>, output: Output): Promise<number> {
  const region = await api.v3<RegionBody>('GET', '/region');
  tellRegion(api.name, region, output);
  for (const flow of await flowsOf(api)) tellFlow(flow, output);
  return region.is_complete ? 0 : 1;
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
