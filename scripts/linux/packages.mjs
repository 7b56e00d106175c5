// Stock riscv64 packages of Debian's trixie, fetched with apt's own lists and settings kept apart, unpacked and never installed.
// The mirror is the one that this machine's apt is configured for.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SUITE = "trixie";
const ARCHITECTURE = "riscv64";
/** Depends on the newest 6.12 of the suite; what it is made of is not signed twice, and not the debug symbols. */
const KERNEL = "linux-image-riscv64";
const KERNEL_NAME = /^linux-image-6\.12\.[0-9][^ ]*-riscv64$/;
const OTHERS = ["busybox-static", "opensbi"];

export const DIRECTORY = fileURLToPath(new URL("../../build/linux", import.meta.url));
const ROOT = join(DIRECTORY, "root");

/** Why there are no packages here; not a failure of ours. */
export class Unavailable extends Error {}

/** The directory in which the packages are unpacked, fetching them first where that hasn't been done. @throws {Unavailable} */
export function packages(log = () => {}) {
  if (!existsSync(ROOT)) fetch(log);
  return ROOT;
}

/** The unpacked packages if they have been fetched. */
export const fetched = () => (existsSync(ROOT) ? ROOT : undefined);

function fetch(log) {
  for (const tool of ["apt-get", "dpkg-deb", "xz"]) {
    if (spawnSync(tool, ["--version"]).status !== 0) throw new Unavailable(`no ${tool} here`);
  }
  const source = mirror();
  if (!source) throw new Unavailable("apt is configured for no Debian mirror");
  const work = join(DIRECTORY, `unfinished.${process.pid}`);
  try {
    for (const path of ["state/lists/partial", "cache/archives/partial", "debs", "root"]) {
      mkdirSync(join(work, path), { recursive: true });
    }
    writeFileSync(join(work, "state/status"), "");
    const apt = update(work, source, log);
    const names = [kernel(apt), ...OTHERS];
    log(`fetching ${names.join(", ")} …`);
    apt("apt-get", "download", ...names);
    for (const file of readdirSync(join(work, "debs"))) {
      command(work, "dpkg-deb", ["-x", join(work, "debs", file), join(work, "root")]);
    }
    renameSync(join(work, "root"), ROOT);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function command(cwd, name, args) {
  const done = spawnSync(name, args, { cwd, encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
  if (done.status === 0) return done.stdout;
  throw new Unavailable(`${name} ${args[0]}: ${(done.stderr || String(done.error)).trim().split("\n").at(-1)}`);
}

/** Runs an apt command on lists of its own. */
function isolated(work, name, args) {
  const settings = {
    "Dir::State": join(work, "state"),
    "Dir::State::status": join(work, "state/status"),
    "Dir::Cache": join(work, "cache"),
    "Dir::Etc::SourceList": join(work, "sources.list"),
    "Dir::Etc::SourceParts": "-",
    "Dir::Etc::Preferences": "-",
    "Dir::Etc::PreferencesParts": "-",
    "APT::Architecture": ARCHITECTURE,
    "APT::Architectures": ARCHITECTURE,
    // apt gives up root's rights for a user who may have none to our directory
    "APT::Sandbox::User": "",
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  return command(join(work, "debs"), name, [...args, ...options, "-q"]);
}

/** Reads the suite's lists; without a check of its signature only where this machine has no key for it. */
function update(work, { uri, options }, log) {
  const apt = (name, ...args) => isolated(work, name, args);
  const list = (more) => {
    const all = [...options, ...more];
    const bracket = all.length > 0 ? `[${all.join(" ")}] ` : "";
    writeFileSync(join(work, "sources.list"), `deb ${bracket}${uri} ${SUITE} main\n`);
  };
  const strict = ["-o", "APT::Update::Error-Mode=any"];
  list([]);
  try {
    apt("apt-get", "update", ...strict);
  } catch (error) {
    if (!/NO_PUBKEY|not signed|couldn't be verified|keyring/i.test(error.message)) throw error;
    log(`this machine's keyring has no key of ${SUITE}: the signature of its packages is not checked`);
    list(["trusted=yes"]);
    apt("apt-get", "update", ...strict);
  }
  return apt;
}

function kernel(apt) {
  const name = apt("apt-cache", "depends", KERNEL)
    .split("\n")
    .map((line) => line.replace(/^.*Depends: /, "").trim())
    .find((candidate) => KERNEL_NAME.test(candidate));
  if (!name) throw new Unavailable(`${SUITE} has no 6.12 kernel for ${ARCHITECTURE}`);
  return name;
}

/** The first Debian archive that apt knows: its address, and the options that tell its keys. */
function mirror() {
  const parts = "/etc/apt/sources.list.d";
  const files = existsSync(parts) ? readdirSync(parts).sort() : [];
  const read = (path) => (existsSync(path) ? readFileSync(path, "utf8") : "");
  const lists = ["/etc/apt/sources.list", ...files.filter((f) => f.endsWith(".list")).map((f) => join(parts, f))];
  const stanzas = files.filter((f) => f.endsWith(".sources")).map((f) => join(parts, f));
  return [...stanzas.flatMap((path) => deb822(read(path))), ...lists.flatMap((path) => oneLine(read(path)))].find(
    ({ uri }) => /^[^ ]*\/debian\/?$/.test(uri),
  );
}

/** sources.list(5), "ONE-LINE-STYLE FORMAT". */
function oneLine(text) {
  return [...text.matchAll(/^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+\S+/gm)].map(([, options = "", uri]) => ({
    uri,
    options: options.split(/\s+/).filter((option) => option.startsWith("signed-by=")),
  }));
}

/** sources.list(5), "DEB822-STYLE FORMAT"; an embedded key is left to the machine's own keyrings. */
function deb822(text) {
  const stanzas = text.replace(/^#.*\n/gm, "").split(/\n\s*\n/);
  return stanzas.flatMap((stanza) => {
    const field = (name) => stanza.match(new RegExp(`^${name}:[ \\t]*(\\S.*)$`, "im"))?.[1].trim();
    if (!field("Types")?.split(/\s+/).includes("deb") || field("Enabled") === "no") return [];
    const key = field("Signed-By");
    const options = key?.startsWith("/") ? [`signed-by=${key.split(/\s+/).join(",")}`] : [];
    return (field("URIs") ?? "").split(/\s+/).map((uri) => ({ uri, options }));
  });
}
