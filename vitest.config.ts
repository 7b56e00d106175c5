import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // `npm run test:linux`
    exclude: [...configDefaults.exclude, "test/linux/**"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
