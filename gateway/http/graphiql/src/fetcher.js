import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { createClient } from "graphql-ws";

const url = new URL("/graphql", location.href);
const sockets = new URL(url);
sockets.protocol = sockets.protocol.replace("http", "ws");

/** A connection for each subscription: the header editor may hold another token every time. */
export function fetcher(parameters, options) {
  const wsClient = createClient({ url: sockets.href, connectionParams: options?.headers ?? {}, retryAttempts: 0 });
  return createGraphiQLFetcher({ url: url.href, wsClient })(parameters, options);
}
