import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The least a Node server can do with the same request: parse the JSON, answer the same bytes. */
const answer =
  '{"offsets":[{"partition":0,"offset":123456,"error_code":null,"error":null}],"key_schema_id":null,"value_schema_id":null}';

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const { records } = JSON.parse(Buffer.concat(parts).toString()) as { records: unknown[] };
    response.writeHead(records.length > 0 ? 200 : 422, {
      'content-type': 'application/vnd.kafka.v2+json',
      'content-length': Buffer.byteLength(answer),
    });
    response.end(answer);
  });
});

server.listen(0, '127.0.0.1', () => {
  console.log(`bare ready http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.on('disconnect', () => process.exit());
