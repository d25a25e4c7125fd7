// Hive Gateway's runtime behind Node's HTTP server: node hive.mjs SUPERGRAPH PORT [router]
// With `router`, plans are made by the planner of Hive Router (Rust), as Hive Gateway's --hive-router-runtime does.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';

const [supergraph, port, planner] = process.argv.slice(2);
const more = planner === 'router' ? await import('@graphql-hive/router-runtime') : undefined;
const gateway = createGatewayRuntime({
  supergraph: readFileSync(supergraph, 'utf8'),
  logging: false,
  ...(more && { unifiedGraphHandler: more.unifiedGraphHandler }),
});
createServer(gateway).listen(Number(port), '127.0.0.1');
