import type { Output } from '../verify-log.ts';
import type { Api } from './api.ts';
import { type FlowBody, tellFlow } from './region-state.ts';

/** What was not copied can only be told as of the last note. True if nothing was missing then. */
export async function tellLost(flow: FlowBody, to: Api, output: Output): Promise<boolean> {
  const { source_region: source, policy } = flow;
  tellFlow(flow, output);
  const lag = flow.progress?.lag_records ?? null;
  output.line(
    lag === 0
      ? `Nothing was missing when this was noted. What ${source} took later comes when it is back`
      : `What ${source} has and this region has not comes when it is back: freeze it then before anybody writes to it`,
  );
  if (policy === 'identity') {
    output.line(`Consumers may move; producers once the copies are promoted: promote --source ${source}`);
  } else if (policy === 'merged') {
    output.line('Producers and consumers may move');
    await tellRelays(flow, to, output);
  } else output.line(`Producers and consumers may move; consumers read the copies`);
  return lag === 0;
}

/** Regions that have more of a lost one can bring it to those that have less. */
async function tellRelays(
  { source_region: source, target_region: target }: FlowBody,
  region: Api,
  { line }: Output,
): Promise<void> {
  const { data } = await region.v3<{ readonly data: readonly FlowBody[] }>('GET', '/flows');
  const others = data.filter((one) => one.policy === 'merged' && one.source_region !== source);
  if (others.length === 0) return;
  line(`What the other regions have of ${source} comes from them if their flows relay it:`);
  for (const { source_region: other, relays = [] } of others) {
    const isSet = relays.includes(source);
    line(
      `  ${other} → ${target}: ${isSet ? 'relays it' : `PATCH …/flows/${other} {"relays":["${source}"]}`}`,
    );
  }
  line('Likewise in the other regions, for what this one has');
}
