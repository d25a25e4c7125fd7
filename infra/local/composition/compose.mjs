// Composes subgraphs into a supergraph: JSON in, JSON out, so that the caller decides what becomes of it.
//
//   stdin   [{"name": "ticketing", "url": "http://ticketing/graphql", "sdl": "…"}, …]
//   stdout  {"supergraph": "…", "schema": "…"}  or  {"errors": ["…", …]}
import { readFileSync } from 'node:fs';
import { composeServices, compositionHasErrors } from '@theguild/federation-composition';
import { lexicographicSortSchema, buildSchema, parse, printSchema } from 'graphql';

const services = JSON.parse(readFileSync(0, 'utf8'));
const result = composeServices(
  services.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })),
);
const answer = compositionHasErrors(result)
  ? { errors: result.errors.map((error) => error.message) }
  : { supergraph: result.supergraphSdl, schema: printSchema(lexicographicSortSchema(buildSchema(result.publicSdl))) };
process.stdout.write(JSON.stringify(answer));
