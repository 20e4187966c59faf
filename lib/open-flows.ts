import type { EngineParts } from './engine-parts.ts';
import type { Flows } from './flows.ts';
import { answered } from './partition/faults.ts';
import {
  createFlow,
  deleteFlow,
  describeFlow,
  listAllFlows,
  setFlowRelays,
  setFlowState,
} from './replication/flows/manage-flows.ts';
import { promoteFlow } from './replication/promotion/promote-flow.ts';

export interface FlowsOptions {
  /** Alias of this region, the target of its flows. */
  readonly region: string;
  /** The regions that flows may copy from: undefined for any other. `Sources` that can be read, or who only knows of them. */
  readonly sources: (alias: string) => Promise<object | undefined>;
}

/** Opens flows into this region on its log's parts (`engineParts`); `runFlow` (lib/replication/replicator.ts) runs them. */
export function openFlows(target: EngineParts, { region, sources }: FlowsOptions): Flows {
  const parts = { target, region, sources };
  return {
    create: (flow, call) => answered(() => createFlow(parts, flow, call)),
    list: (call) => answered(() => listAllFlows(parts, call)),
    describe: (source, call) => answered(() => describeFlow(parts, source, call)),
    pause: (source, call) => answered(() => setFlowState(parts, source, 'paused', call)),
    resume: (source, call) => answered(() => setFlowState(parts, source, 'running', call)),
    setRelays: (source, relays, call) => answered(() => setFlowRelays(parts, source, relays, call)),
    promote: (source, call) => answered(() => promoteFlow(parts, source, call)),
    delete: (source, call) => answered(() => deleteFlow(parts, source, call)),
  };
}
