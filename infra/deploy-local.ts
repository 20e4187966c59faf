import { bootstrapEmulator, deployToEmulator, type Emulator, emulatorApiUrl, listens } from './emulator.ts';

/** `npm run deploy:local`: the real stack on a LocalStack-compatible emulator at AWS_ENDPOINT_URL. */
async function main(): Promise<void> {
  const emulator: Emulator = {
    // S3 addresses buckets by path at an IP address, and by host name at `localhost`, which nothing resolves.
    endpoint: (process.env.AWS_ENDPOINT_URL ?? 'http://127.0.0.1:4566').replace('//localhost', '//127.0.0.1'),
    region: process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? 'us-east-1',
    accessKeyId: process.env.AWS_ACCESS_KEY_ID ?? 'test',
    secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY ?? 'test',
    // For an endpoint that speaks TLS with a certificate of its own.
    ...(process.env.AWS_CA_BUNDLE === undefined
      ? {}
      : { environment: { AWS_CA_BUNDLE: process.env.AWS_CA_BUNDLE } }),
  };
  const { endpoint, region, accessKeyId, secretAccessKey } = emulator;
  if (!(await listens(endpoint))) {
    throw new Error(
      `nothing listens at ${endpoint}. Start LocalStack or MiniStack first, or set AWS_ENDPOINT_URL to where it is.`,
    );
  }
  const onLine = (line: string): void => console.log(`  ${line}`);
  console.log(`Preparing ${endpoint} (${region}) for CDK`);
  await bootstrapEmulator(emulator, onLine);
  console.log('Deploying the stack');
  const outputs = await deployToEmulator(emulator, { stackName: 'Millrace', onLine });

  const { ApiId: apiId } = outputs;
  if (apiId === undefined) throw new Error('the stack was deployed but has no output ApiId');
  const url = emulatorApiUrl(endpoint, apiId);
  console.log(`\nMillrace is deployed: ${url}\n\nTry it (requests are signed, as with IAM on AWS):\n`);
  const curl = `curl -sS --aws-sigv4 'aws:amz:${region}:execute-api' --user '${accessKeyId}:${secretAccessKey}'`;
  const json = 'application/vnd.kafka.json.v2+json';
  const tries = [
    `-H 'content-type: application/json' -d '{"topic_name":"orders","partitions_count":6}' '${url}/admin/topics'`,
    `-H 'content-type: ${json}' -d '{"records":[{"key":"a","value":{"n":1}}]}' '${url}/topics/orders/partitions/0'`,
    `-H 'accept: ${json}' '${url}/topics/orders/partitions/0/records?offset=0'`,
  ];
  for (const one of tries) console.log(`  ${curl} ${one}`);
}

try {
  await main();
} catch (error) {
  console.error(`deploy:local: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
