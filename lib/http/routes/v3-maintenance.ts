import { notFound } from '../http-error.ts';
import { type HttpResponse, jsonResponse, MEDIA } from '../message.ts';
import { type Exchange, param, type Route } from '../route.ts';
import { MaintenanceRun, MaintenanceRunBody } from '../schemas/maintenance.ts';
import { v3Names } from '../v3-links.ts';
import { v3Body } from './v3-topics.ts';

async function runMaintenance(exchange: Exchange): Promise<HttpResponse> {
  const { job } = v3Body(exchange, MaintenanceRunBody);
  const topic = param(exchange, 'topic');
  const { maintenance } = exchange.services;
  if (maintenance === undefined) throw notFound(404, 'Jobs cannot be run here.', 'INVALID_REQUEST');
  const report = await maintenance.run(job, topic, exchange.call);
  const names = v3Names(exchange);
  return jsonResponse(200, MEDIA.json, {
    kind: 'MillraceMaintenanceRun',
    metadata: names.metadata(['topics', topic], { topic }),
    cluster_id: names.clusterId,
    topic_name: topic,
    job,
    is_complete: report.isComplete,
    counts: report.counts,
    partitions: report.partitions.map(({ partition, counts }) => ({ partition_id: partition, counts })),
    findings: report.findings.map(({ partition, ...finding }) => ({
      ...finding,
      ...(partition === undefined ? {} : { partition_id: partition }),
    })),
  });
}

export const v3MaintenanceRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/clusters/{cluster}/topics/{topic}/maintenance:run',
    group: 'admin',
    api: 'v3',
    metered: true,
    doc: {
      operationId: 'runMaintenance',
      summary: 'Runs a job for a topic now that otherwise waits for its schedule, and tells what it did.',
      body: { [MEDIA.json]: MaintenanceRunBody },
      responses: {
        200: {
          description: 'What it did. Incomplete when time ran out: the next run goes on.',
          content: { [MEDIA.json]: MaintenanceRun },
        },
      },
    },
    handle: runMaintenance,
  },
];
