#!/usr/bin/env node
// Builds what is stale, then runs the command.
import "../scripts/build.mjs";

await import("../build/yado.mjs");
