// Boots of a stock guest: `npm run test:linux`.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/linux/**/*.test.ts"],
    testTimeout: 240_000,
    hookTimeout: 60_000,
    // what is waited for are other processes
    maxWorkers: 2,
  },
});
