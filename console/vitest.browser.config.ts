import { defineConfig } from "vitest/config";

/** The tests in a browser, against a running stack. `./dev test tests/browser` starts both. */
export default defineConfig({
  test: { include: ["tests/browser/**/*.test.ts"], fileParallelism: false, testTimeout: 90_000, hookTimeout: 60_000 },
});
