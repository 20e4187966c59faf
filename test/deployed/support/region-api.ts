import type { Client } from './http-client.ts';

type Row = Readonly<Record<string, unknown>>;

/** The part of the v3 API that is about regions, as an operator would use it. */
export interface RegionApi {
  /** Below `/v3/clusters/{cluster}`; throws where the answer is an error. */
  readonly ask: (method: string, path: string, body?: unknown) => Promise<unknown>;
  /** Rows of a list. */
  readonly list: (path: string) => Promise<readonly Row[]>;
  readonly topicNames: () => Promise<readonly string[]>;
  readonly deleteOtherFlows: (flows: readonly FlowBody[]) => Promise<void>;
  /** Creates flows into this region if they are not there as given, and deletes all others. */
  readonly setFlows: (flows: readonly FlowBody[]) => Promise<void>;
}

export interface FlowBody {
  readonly source_region: string;
  readonly policy: 'prefixed' | 'merged';
  /** Also checked where the flow is there already. */
  readonly topics: readonly string[];
}

/** A replicator that begins at the same time may make the flow that was declared, once. */
const TRIES_MAX = 3;

export function regionApi(client: Client): RegionApi {
  let cluster: string | undefined;
  const send = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await client({ method, path, ...(body === undefined ? {} : { body }) });
    if (response.status >= 300) throw new Error(`${method} ${path}: ${response.status} ${response.body}`);
    return response.body.length === 0 ? undefined : response.json();
  };
  const ask: RegionApi['ask'] = async (method, path, body) => {
    cluster ??= await clusterId(send);
    return send(method, `/v3/clusters/${cluster}${path}`, body);
  };
  const list: RegionApi['list'] = async (path) => ((await ask('GET', path)) as { data: Row[] }).data;

  const deleteOtherFlows: RegionApi['deleteOtherFlows'] = async (flows) => {
    for (const there of await list('/flows')) {
      if (flows.some((flow) => isSame(flow, there))) continue;
      await ask('DELETE', `/flows/${String(there.source_region)}`);
    }
  };
  const setFlowsOnce: RegionApi['setFlows'] = async (flows) => {
    await deleteOtherFlows(flows);
    const left = await list('/flows');
    for (const flow of flows) {
      if (!left.some((there) => isSame(flow, there))) await ask('POST', '/flows', flow);
    }
  };

  return {
    ask,
    list,
    deleteOtherFlows,
    topicNames: async () => (await list('/topics')).map(({ topic_name }) => String(topic_name)).sort(),
    setFlows: async (flows) => {
      for (let tries = 1; ; tries += 1) {
        try {
          return await setFlowsOnce(flows);
        } catch (error) {
          if (tries === TRIES_MAX) throw error;
        }
      }
    },
  };
}

async function clusterId(send: (method: string, path: string) => Promise<unknown>): Promise<string> {
  const { data } = (await send('GET', '/v3/clusters')) as { data: { cluster_id: string }[] };
  return data[0]?.cluster_id ?? '';
}

function isSame(flow: FlowBody, there: Row): boolean {
  const { source_region, policy, topics } = there;
  return (
    source_region === flow.source_region &&
    policy === flow.policy &&
    JSON.stringify(topics) === JSON.stringify(flow.topics)
  );
}
