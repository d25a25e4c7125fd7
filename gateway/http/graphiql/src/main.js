import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./page.css";

import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

import { fetcher } from "./fetcher.js";

const FIRST_QUERY = `# Sign in, then put the token into Headers below: { "Authorization": "Bearer …" }
query Events {
  events(first: 10) {
    edges {
      node {
        id
        name
        kind
      }
    }
  }
}
`;

createRoot(document.getElementById("graphiql")).render(
  createElement(GraphiQL, {
    fetcher,
    plugins: [HISTORY_PLUGIN],
    defaultQuery: FIRST_QUERY,
    defaultEditorToolsVisibility: "headers",
    shouldPersistHeaders: false,
  }),
);
