import { defineConfig } from "vite";

// Assets are served by gateway/http/page.py under this path.
export default defineConfig({
  base: "/graphiql/",
  worker: { format: "es" },
  build: { outDir: "dist", emptyOutDir: true, chunkSizeWarningLimit: 6000 },
});
