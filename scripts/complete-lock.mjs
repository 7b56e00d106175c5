// Completes package-lock.json: node scripts/complete-lock.mjs [--check]
// A registry mirror may lack a package's builds for other platforms. npm then leaves these optional dependencies out of the
// lock, and `npm ci` rejects it everywhere. Their versions are exact and their platform is in their name, so they can be
// written down without being seen. --check writes nothing and exits 1 when some are missing.
import { readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(FILE, "utf8"));
const { packages } = lock;

/** Where Node would find `name` for the package at `path`, or undefined. */
function find(path, name) {
  for (let at = path; ; at = at.slice(0, Math.max(at.lastIndexOf("/node_modules/"), 0))) {
    const candidate = `${at && `${at}/`}node_modules/${name}`;
    if (packages[candidate]) return candidate;
    if (!at) return undefined;
  }
}

const missing = [];
for (const [path, { optionalDependencies = {}, ...of }] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (find(path, name)) continue;
    const [, os, cpu, musl] =
      /-(aix|android|darwin|freebsd|linux|netbsd|openbsd|sunos|win32)-(\w+?)(-musl)?$/.exec(name) ?? [];
    if (!os || !/^\d+\.\d+\.\d+$/.test(version))
      throw new Error(`${name}@${version}: no platform in its name, or no exact version`);
    const libc = os === "linux" ? { libc: [musl ? "musl" : "glibc"] } : {};
    const { dev, license, engines } = of;
    missing.push([
      `node_modules/${name}`,
      { version, cpu: [cpu], dev, ...libc, license, optional: true, os: [os], engines },
    ]);
  }
}

if (missing.length > 0 && process.argv.includes("--check")) {
  console.error(
    `package-lock.json lacks ${missing.map(([path]) => path).join(", ")}: run node scripts/complete-lock.mjs`,
  );
  process.exit(1);
}
if (missing.length > 0) {
  const [root, ...rest] = [...Object.entries(packages), ...missing];
  lock.packages = Object.fromEntries([root, ...rest.sort(([a], [b]) => a.localeCompare(b, "en"))]);
  writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
}
console.log(`package-lock.json: ${missing.length} entries added`);
