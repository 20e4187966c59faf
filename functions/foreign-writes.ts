import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';

/** Counts writes into remote topics that were refused, beside what is told of flows: an alarm looks at both. */
export function foreignWriteCounter({ stack }: { readonly stack?: string }): () => void {
  const metrics = new Metrics({
    namespace: 'Millrace',
    serviceName: 'replication',
    ...(stack === undefined ? {} : { defaultDimensions: { stack } }),
  });
  return () => {
    metrics.addMetric('ForeignWrites', MetricUnit.Count, 1);
    metrics.publishStoredMetrics();
  };
}
