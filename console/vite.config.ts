import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { constants, gzipSync } from "node:zlib";

import { lingui } from "@lingui/vite-plugin";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

import { smallDescriptors } from "./plugins/descriptors.ts";
import { messagesBesideCode } from "./plugins/messages.ts";

const MESSAGES = resolve(import.meta.dirname, "src/stores/messages.ts");
const SDK = resolve(import.meta.dirname, "../sdk/typescript/src");

/** Replaces every file of the build by its gzip, because Envoy serves nothing else. The same build gives the same bytes. */
function onlyCompressed(): Plugin {
  let folder = "";
  return {
    name: "only-compressed",
    apply: "build",
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    closeBundle() {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const file = join(entry.parentPath, entry.name);
        writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: constants.Z_BEST_COMPRESSION }));
        rmSync(file);
      }
    },
  };
}

export default defineConfig({
  base: "/console/",
  plugins: [lingui({ macroTransform: true }), messagesBesideCode(MESSAGES), smallDescriptors(), react(), onlyCompressed()],
  resolve: {
    alias: { "@megarouter/admin/web": `${SDK}/web.ts`, "@megarouter/admin": `${SDK}/index.ts` },
    dedupe: ["@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-web"],
  },
  build: { target: "es2023", emptyOutDir: true, modulePreload: { polyfill: false }, reportCompressedSize: false },
  test: { include: ["tests/unit/**/*.test.ts", "tests/unit/**/*.test.tsx"] },
});
