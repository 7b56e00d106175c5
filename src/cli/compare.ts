// `yado compare`: the same guest program on the same disk or wire, once per attach mode.
import { dirname, resolve } from "node:path";
import { Command, Option } from "commander";
import {
  type AttachModeName,
  type CompareFile,
  type CompareReport,
  checkMemory,
  compare,
  compareSchema,
  compareText,
  deviceModes,
  DEFAULT_DISK_SIZE,
  DEFAULT_MEMORY,
  type DiskInterface,
  generatedBytes,
  INTERFACES,
  isSerial,
  isSet,
  type Located,
  mergeMachine,
  NIC_INTERFACES,
  type NicInterface,
  noSweep,
  parseYaml,
  resolveMachine,
  resolveWorkload,
  SAFE_MODES,
  SERIAL_MODE_NAMES,
  type SweepStep,
  sound,
  sweepSteps,
  sweptPlace,
  sweepText,
  UserError,
  usesDisk,
  usesNic,
} from "../index.js";
import { checkOutput, probe, readDisk, readGuest, readText, writeWhole } from "./files.js";
import {
  flagOf,
  interfaceOption,
  limitOptions,
  machineFlags,
  machineOptions,
  modesOption,
  networkFlags,
  networkOptions,
  runOptions,
  type SharedOptions,
  sizeOption,
  sweepOption,
  workloadFlags,
  workloadOptions,
  wordOption,
} from "./options.js";
import { checkJson, deliver, hostFacts, Status, type Session, withSession } from "./session.js";
import { complain, tableOptions } from "./terminal.js";

interface Options extends SharedOptions {
  disk?: string;
  interface?: DiskInterface;
  nic?: NicInterface;
  size?: number;
  guest?: string;
  modes?: AttachModeName[];
  config?: string;
  sweep?: { parameter: string; values: string[] };
  write?: boolean;
}

const EXAMPLES = `
Examples:
  yado compare                                        the built-in disk, the six safe modes
  yado compare --disk disk.img --json out.json        your own disk; every figure as JSON
  yado compare --bs 4K --qd 1                         small requests, one at a time
  yado compare --hash none                            the modes' own costs, without the guest's hashing
  yado compare --modes assigned --page-size 4K --sweep iotlb-entries=16,64,256,1024
  yado compare --modes native,assigned-raw            what goes wrong without translation
  yado compare --interface ata --bs 4K                an ATA disk with bus-master DMA, one command at a time
  yado compare --cost mmio-exit=7500                  dearer exits
  yado compare --workload netstream --bs 64K          the LAN: big messages to the peer
  yado compare --workload console --baud 1000000      the serial line, ten times as fast as usual
  yado compare --workload netrr --bs 64 --qd 1        small ones there and back, one at a time

Exit code: 0; 1 when a guest failed or a safe mode's checksum is wrong; 2 for input that can't be used.`;

export function compareCommand(): Command {
  const command = new Command("compare")
    .summary("run one guest program with one disk or network interface under each attach mode")
    .description(
      "Runs the same guest program on the same disk or Intel 82574L once per attach mode, and compares what each costs.",
    )
    .addOption(new Option("--disk <file>", "disk image, only read; a generated one by default"))
    .addOption(interfaceOption(INTERFACES, "nvme, ata; natively virtio-mmio"))
    .addOption(
      new Option("--nic <name>", "the network interface: e1000e; natively virtio-mmio (default: e1000e)").argParser(
        wordOption("--nic", NIC_INTERFACES),
      ),
    )
    .addOption(new Option("--size <size>", "size of the generated disk (default: 8M)").argParser(sizeOption("--size")))
    .addOption(
      new Option("--modes <a,b,…>", `attach modes (default: ${SAFE_MODES.join(",")}; also assigned-raw)`).argParser(
        modesOption("--modes"),
      ),
    )
    .addOption(new Option("--guest <elf>", "guest program instead of the probe"))
    .addOption(new Option("--config <file>", "YAML file with any of these options; flags go before it"))
    .addOption(
      new Option("--sweep <parameter=a,b,…>", "one comparison per value; see `yado schema`").argParser(sweepOption),
    )
    .addOption(new Option("--write", "put what the guest wrote into the disk image; by default it never changes"));
  for (const option of [
    ...workloadOptions(),
    ...networkOptions(),
    ...machineOptions(),
    ...limitOptions(),
    ...runOptions(),
  ])
    command.addOption(option);
  return command.addHelpText("after", EXAMPLES).action(action);
}

/** Flags over configuration file, with a place for each value. */
interface Input {
  readonly file: CompareFile;
  place(section: "machine" | "workload" | "network" | "", key: string): string;
  /** Of the sweep's parameter, or of one of its values. */
  sweepPlace(index?: number): string;
  readonly disk: string | undefined;
  readonly guest: string | undefined;
}

function readInput(options: Options): Input {
  const source: Located<CompareFile> | undefined =
    options.config === undefined
      ? undefined
      : parseYaml(readText(options.config, "--config"), options.config, compareSchema);
  const file = source?.value ?? {};
  const beside = (path: string | undefined) =>
    path === undefined ? undefined : resolve(dirname(resolve(options.config ?? ".")), path);
  const inFile = (section: string, key: string) => isSet(file, section ? `${section}.${key}` : key);
  const flags = {
    machine: machineFlags(options),
    workload: workloadFlags(options),
    network: networkFlags(options),
    "": { memory: options.memory },
  };
  return {
    file,
    disk: options.disk ?? beside(file.disk),
    guest: options.guest ?? beside(file.guest),
    place: (section, key) => {
      if (isSet(flags[section], key) || !source || !inFile(section, key)) return flagOf(key);
      return source.at([...(section ? [section] : []), ...key.split(".")]);
    },
    sweepPlace: (index) => {
      if (options.sweep || !source) return "--sweep";
      return source.at(index === undefined ? ["sweep", "parameter"] : ["sweep", "values", index]);
    },
  };
}

async function action(options: Options): Promise<void> {
  const started = new Date();
  const input = readInput(options);
  const { file, place } = input;
  const kind = options.workload ?? file.workload?.kind ?? "checksum";
  const hasDisk = usesDisk(kind);
  for (const [flag, value] of Object.entries({
    disk: input.disk,
    size: options.size,
    write: options.write,
    interface: options.interface,
  })) {
    if (hasDisk || value === undefined) continue;
    throw new UserError(`workload ${kind} has no disk`, flagOf(flag), "Leave it out, or choose another workload");
  }
  const network = { ...file.network, ...networkFlags(options) };
  const ofNic = { ...network, ...(options.nic === undefined ? {} : { nic: options.nic }) };
  if (!usesNic(kind) && Object.keys(ofNic).length > 0) {
    const [key] = Object.keys(ofNic);
    throw new UserError(
      `workload ${kind} has no network`,
      place("network", key),
      "Leave it out, or choose another workload",
    );
  }
  if (options.write && input.disk === undefined) {
    throw new UserError("there is no image file to write to", "--write", "Name one with --disk");
  }
  if (options.size !== undefined && input.disk !== undefined) {
    throw new UserError("a file has the size that it has", "--size", "Leave it out with --disk");
  }
  const sweep = options.sweep ?? file.sweep;
  if (sweep && options.write) throw new UserError("a sweep runs many times", "--write", "Leave out --sweep or --write");
  const image = !hasDisk
    ? new Uint8Array()
    : input.disk === undefined
      ? generated(options.size)
      : readDisk(input.disk, place("", "disk"));
  const kernel = input.guest === undefined ? probe() : readGuest(input.guest, place("", "guest"));
  const controller = options.interface ?? file.interface ?? "nvme";
  const usual = isSerial(kind) ? SERIAL_MODE_NAMES : SAFE_MODES;
  const modes = options.modes ?? file.modes ?? usual;
  if (isSerial(kind)) for (const mode of modes) deviceModes(mode, { disk: false, nic: false }, place("", "modes"));
  const steps: SweepStep[] = sweep ? sweepSteps(sweep.parameter, sweep.values, input.sweepPlace) : [noSweep];
  checkJson(options, [input.disk, input.guest, options.config]);
  if (options.write && input.disk !== undefined) checkOutput(input.disk, "--write");

  const plans = steps.map((step) => {
    const merged = { ...file.workload, ...workloadFlags(options), ...step.workload };
    const workloadPlace = sweptPlace(step, (key) => place("workload", key));
    const workload = resolveWorkload(merged, workloadPlace, image.length);
    const memory = step.memory ?? options.memory ?? file.memory ?? DEFAULT_MEMORY;
    const parts = mergeMachine(mergeMachine(file.machine ?? {}, machineFlags(options)), step.machine ?? {});
    const machine = resolveMachine(
      parts,
      sweptPlace(step, (key) => place("machine", key)),
    );
    checkMemory(memory, workload, step.places.memory ?? place("", "memory"), machine);
    return {
      step,
      options: {
        kernel,
        image,
        interface: controller,
        nicInterface: options.nic ?? file.nic,
        network,
        modes,
        workload,
        memory,
        machine,
      },
    };
  });

  const outcomes = await withSession(options, plans.length * modes.length, (session) =>
    Promise.all(plans.map((plan) => compare(plan.options, services(session, plan.step.label)))),
  );
  const reports = outcomes.map((outcome) => outcome.report);
  const host = hostFacts(started, { disk: input.disk, guest: input.guest, config: options.config });
  if (sweep) {
    const runs = reports.map((report, i) => ({ value: steps[i].label, report }));
    deliver(options, sweepText(sweep.parameter, runs, tableOptions()), {
      schema: "yado.sweep/1",
      parameter: sweep.parameter,
      runs,
      host,
    });
  } else {
    deliver(options, compareText(reports[0], tableOptions()), { ...reports[0], host });
    if (options.write && input.disk !== undefined) keep(input.disk, image, outcomes[0].written, reports[0]);
  }
  if (!reports.every((report) => sound(report.modes))) process.exitCode = Status.Failed;
}

function generated(size = DEFAULT_DISK_SIZE): Uint8Array {
  if (size === 0 || size % 512 !== 0 || size > 2 ** 31) {
    throw new UserError(`a disk of ${size} bytes is impossible`, "--size", "Give a multiple of 512 bytes, at most 2G");
  }
  const image = new Uint8Array(new SharedArrayBuffer(size));
  image.set(generatedBytes(size, 1));
  return image;
}

function services({ pool, progress, version }: Session, label: string) {
  const named = (mode: AttachModeName) => (label ? `${label} ${mode}` : mode);
  return {
    run: pool.run,
    version,
    observer: {
      started: (mode: AttachModeName, total: number) => progress.start(named(mode), total),
      progress: (mode: AttachModeName, bytes: number) => progress.advance(named(mode), bytes),
      finished: (mode: AttachModeName, report: CompareReport["modes"][number]) =>
        progress.finish(named(mode), report.status === "ok" ? "done" : report.status.replaceAll("-", " ")),
    },
  };
}

function keep(path: string, image: Uint8Array, written: Uint8Array | undefined, { disk, modes }: CompareReport): void {
  if (written) {
    writeWhole(path, written.length === image.length ? written : written.subarray(0, image.length), "--write");
    complain(`${path}: written\n`);
  } else if (disk?.after) {
    complain(
      `${path}: not written, because ${modes.every((mode) => mode.status === "ok") ? "the modes left different bytes" : "not every mode succeeded"}\n`,
    );
    process.exitCode = Status.Failed;
  } else {
    complain(`${path}: unchanged, the workload only reads\n`);
  }
}
