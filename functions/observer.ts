import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { asHttpError } from '../lib/http/http-error.ts';

export interface Observer {
  /** For faults that the engine answers by itself, below the stack. */
  readonly onFault: (error: unknown, doing: string) => void;
  readonly middleware: () => MiddlewareObj<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface ObserverOptions {
  /** Lower case; also the metrics' dimension `service`. */
  readonly service: string;
  /** Functions that count the same things share it. @default service */
  readonly metricsService?: string;
  /** The metrics' dimension `stack`. */
  readonly stack?: string;
  /** The share of ordinary requests that are logged. */
  readonly logSampleRate: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * What a function says about itself. CloudWatch takes $0.50 per GB, more than the functions cost, so silence is the
 * rule: a fault is logged whole, of the rest a sample leaves one line; metrics are written only when they count something.
 */
export function observer(options: ObserverOptions): Observer {
  const { service, metricsService = service, stack, logSampleRate, random } = options;
  const logger = new Logger({ serviceName: `millrace-${service}` });
  const metrics = new Metrics({
    namespace: 'Millrace',
    serviceName: metricsService,
    ...(stack === undefined ? {} : { defaultDimensions: { stack } }),
  });

  const count = (name: string): void => {
    metrics.addMetric(name, MetricUnit.Count, 1);
    metrics.publishStoredMetrics();
  };
  const onFault = (error: unknown, doing: string): void => {
    logger.error(doing, error instanceof Error ? error : new Error(String(error)));
    count('Faults');
  };

  const middleware = (): MiddlewareObj<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2> => {
    let startedMs = 0;
    return {
      before: () => {
        startedMs = performance.now();
      },
      after: ({ event, context, response }) => {
        const status = response?.statusCode ?? 0;
        if (status === 429) count('Throttled');
        if (status === 503) count('TimedOut');
        if (status < 500 && random() >= logSampleRate) return;
        const line = {
          requestId: context.awsRequestId,
          method: event.requestContext.http.method,
          path: event.rawPath,
          status,
          ms: Math.round(performance.now() - startedMs),
          cost: response?.headers?.['X-Millrace-Cost'],
        };
        if (status < 500) logger.info('answered', line);
        else logger.warn('answered', { ...line, answer: response?.body });
      },
      onError: ({ error }) => {
        if (asHttpError(error) === undefined) onFault(error, 'the request failed');
      },
    };
  };
  return { onFault, middleware, logger, metrics };
}
