// Scenario files (`yado run`) and configuration files (`yado compare --config`): their schema and defaults.
import { z } from "zod";
import { MOST_SERIALS } from "../platform/memory-map.js";
import { HASHES } from "../metrics/checksum.js";
import { MOMENT_FORM, parseMoment, parseRate, parseSize, RATE_FORM, SIZE_FORM } from "./quantity.js";
import { ALL_WORKLOADS, INTERFACES, MODE_NAMES, NIC_INTERFACES } from "./workload.js";

const size = (what: string) =>
  z
    .union([z.number(), z.string()], { error: `expected ${SIZE_FORM}` })
    .transform((value, context) => {
      const bytes = parseSize(value);
      if (bytes !== undefined) return bytes;
      context.addIssue({ code: "custom", message: `${JSON.stringify(value)} is no size` });
      return z.NEVER;
    })
    .describe(`${what}: ${SIZE_FORM}`);

const rate = (what: string) =>
  z
    .union([z.number(), z.string()], { error: `expected ${RATE_FORM}` })
    .transform((value, context) => {
      const perSecond = parseRate(value);
      if (perSecond !== undefined) return perSecond;
      context.addIssue({ code: "custom", message: `${JSON.stringify(value)} is no rate` });
      return z.NEVER;
    })
    .describe(`${what}: ${RATE_FORM}`);

const weight = z.number().positive().describe("against the weights of the others, above 0; 1 by default").optional();
const shareSchema = z
  .strictObject({
    disk: z
      .strictObject({
        weight,
        rate: rate("bytes that it may move").optional(),
        iops: rate("commands to the disk that it may make").optional(),
      })
      .describe("its share of its disk")
      .optional(),
    nic: z
      .strictObject({ weight, rate: rate("bits of the wire that it may send").optional() })
      .describe("its share of what its network interface sends")
      .optional(),
  })
  .describe("its share of devices that the VMM shares out: mode emulated or paravirtual");

const count = (what: string, least = 1) => z.int().min(least).describe(what);
const modeName = z.enum(MODE_NAMES).describe("how its devices are attached to the guest");
const modeOf = (device: string) => z.enum(MODE_NAMES).describe(`how its ${device} is attached to the guest`).optional();
const modeChoice = z
  .union([
    modeName,
    z.strictObject({ disk: modeOf("disk"), nic: modeOf("network interface"), serial: modeOf("serial line") }),
  ])
  .describe("how its devices are attached to the guest: a mode for disk and network interface, or one per device");

export const workloadSchema = z
  .strictObject({
    kind: z.enum(ALL_WORKLOADS).describe("what the guest does with its disk or network interface").optional(),
    bs: size(
      "bytes per request, a multiple of 512; of netstream, netrecv and netrr: bytes of a message, 4 to 64K",
    ).optional(),
    qd: count("requests in flight").optional(),
    batch: count("completions taken before new requests are sent off together, at most qd").optional(),
    total: size("bytes to move, 0 for all of the guest's part of the disk; for console: characters to send").optional(),
    hash: z
      .enum(HASHES as [string, ...string[]])
      .describe("checksum over the bytes read")
      .optional(),
    seed: count("seed of the random order and of written patterns", 0).optional(),
    verify: z.boolean().describe("read back and compare what was written, after the measured part").optional(),
    wait: z.enum(["interrupt", "poll"]).describe("how the driver waits for completions").optional(),
    retry: z.boolean().describe("ask again for datagrams that are lost (netrecv, netrr)").optional(),
    pace: z.int().min(0).max(1_000_000).describe("µs from one request to the next at least: disks, netrr").optional(),
  })
  .describe("options of the probe guest");

export const machineSchema = z
  .strictObject({
    core: z.enum(["timed", "flat"]).describe("with modelled caches, or without").optional(),
    seed: count("seed of the machine", 0).optional(),
    iotlb: z
      .strictObject({
        entries: count("entries of the IOTLB").optional(),
        ways: count("ways of its sets").optional(),
      })
      .describe("shape of the IOTLB")
      .optional(),
    "page-size": size("pages of the guests' second stage, 4K or 2M").optional(),
    "iommu-page-size": size(
      "pages of the IOMMU's second stage, 4K or 2M; the guests' own tables by default",
    ).optional(),
    profile: z.enum(["kernel", "userspace"]).describe("where the VMM's device models run").optional(),
    costs: z
      .record(z.string(), z.number().min(0))
      .describe("cost parameters by name, in their own unit: docs/figures.md lists them")
      .optional(),
    "time-slice": count("cycles that a guest runs before another gets the hart").optional(),
    "max-cycles": count("cycles after which a run is called hung").optional(),
    "quiet-cycles": count("cycles without DMA, output, call or wait after which a guest is called hung").optional(),
    baud: count("bits per second of the serial lines, 115200 by default").optional(),
    chunk: size("pieces in which memory is handed to guests").optional(),
    "vmm-memory": size("the VMM's own memory").optional(),
  })
  .describe("the machine");

const interfaceName = z
  .enum(INTERFACES)
  .describe("the disk's controller: nvme (the default), ata, or for a native guest virtio (PCI) or virtio-mmio");

const diskSchema = z
  .strictObject({
    name: z.string().min(1).describe("how guests call it"),
    interface: interfaceName.optional(),
    file: z.string().min(1).describe("image file, relative to this file; never changed").optional(),
    size: size("bytes of a generated image, or of the disk when it is larger than its file").optional(),
    depth: count("commands that wait at the disk at a time while guests share it; 16 by default").optional(),
    files: z
      .array(
        z
          .strictObject({
            name: z.string().min(1).describe("how guests call it"),
            size: size("bytes, a multiple of 512; by default those of its image").optional(),
            image: z.string().min(1).describe("its contents, relative to this file; never changed").optional(),
          })
          .describe("a file on the disk"),
      )
      .min(1)
      .describe("files that the VMM keeps on the disk, each a guest's disk")
      .optional(),
    extent: size("pieces in which the disk is given to its files, a multiple of 4K; 1M by default").optional(),
  })
  .describe("a physical disk");

const nicSchema = z
  .strictObject({
    name: z.string().min(1).describe("how guests call it"),
    interface: z
      .enum(NIC_INTERFACES)
      .describe("its sort: e1000e (the default, an Intel 82574L), or for a native guest virtio (PCI) or virtio-mmio")
      .optional(),
    queues: z.int().min(1).max(8).describe("queue pairs that a virtio interface offers").optional(),
    mac: z.string().describe("its MAC address, like 52:54:00:12:34:56").optional(),
    interrupts: z
      .union([z.literal("adaptive"), z.int().min(0)])
      .describe("most interrupts a second where the VMM drives it: a number, 0 for no limit, or adaptive; 0 by default")
      .optional(),
  })
  .describe("a physical network interface");

const serialSchema = z
  .strictObject({
    name: z.string().min(1).describe("how guests call it"),
    baud: count("bits per second; the machine's by default").optional(),
  })
  .describe("a physical serial line, a 16550A");

const networkSchema = z
  .strictObject({
    bandwidth: z.number().min(1000).describe("bit/s of every wire; 1e9 by default").optional(),
    latency: z.number().min(0).describe("ns from end to end of a wire; 5000 by default").optional(),
    loss: z.number().min(0).max(1).describe("probability that a frame is lost; 0 by default").optional(),
  })
  .describe("the wires to the peer, 10.0.2.2");

const guestSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/)
      .describe("name in the report: letters, digits, - and _")
      .optional(),
    mode: modeChoice,
    disk: z
      .string()
      .describe("name of its disk; the first one by default, none for a guest with a network interface")
      .optional(),
    nic: z
      .string()
      .describe("name of its network interface; the first one by default with a network workload, else none")
      .optional(),
    queues: z.int().min(1).max(8).describe("queue pairs that its paravirtual network interface offers").optional(),
    serial: z.string().describe("name of its serial line; the first one by default").optional(),
    range: z
      .strictObject({ start: size("first byte, a multiple of 512"), length: size("bytes, a multiple of 512") })
      .describe("its part of a shared disk; equal parts by default")
      .optional(),
    file: z.string().min(1).describe("name of the file on its disk that is its part of it").optional(),
    share: shareSchema.optional(),
    memory: size("guest RAM, a multiple of 4 MiB").optional(),
    kernel: z.string().min(1).describe("ELF file to run instead of the probe, relative to this file").optional(),
    workload: workloadSchema.optional(),
  })
  .describe("a guest");

const moment = z
  .union([z.number(), z.string()], { error: `expected ${MOMENT_FORM}` })
  .transform((value, context) => {
    const parsed = parseMoment(value);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: "custom", message: `${JSON.stringify(value)} is no moment` });
    return z.NEVER;
  })
  .describe(`when: ${MOMENT_FORM}, from power-on`);

/** What can happen to which part of a run. */
export const EVENT_ACTIONS = {
  guest: ["kill", "reset"],
  disk: ["reset"],
  nic: ["reset", "link-down", "link-up"],
} as const;

const eventSchema = z
  .strictObject({
    at: moment,
    guest: z.string().describe("name of the guest that it happens to").optional(),
    disk: z.string().describe("name of the disk that it happens to").optional(),
    nic: z.string().describe("name of the network interface that it happens to").optional(),
    action: z
      .enum(["kill", "reset", "link-down", "link-up"])
      .describe("kill a guest; reset a guest or a device; pull a network interface's cable, or plug it in again"),
  })
  .describe("something that happens to a guest, a disk or a network interface");

/** What a sweep may vary, besides cost parameters by their names. */
export const SWEEP_PARAMETERS = [
  "iotlb-entries",
  "iotlb-ways",
  "page-size",
  "iommu-page-size",
  "profile",
  "memory",
  "baud",
  "bs",
  "qd",
  "batch",
] as const;

/** What only a scenario's sweep may vary: the mode of all its guests, how many of them there are, and the controller of all disks. */
export const SCENARIO_SWEEPS: readonly string[] = ["mode", "guests", "interface"];

const sweepSchema = z
  .strictObject({
    parameter: z
      .string()
      .describe(
        `one of ${SWEEP_PARAMETERS.join(", ")}, or the name of a cost; in a scenario also mode, interface, or guests: the first so many`,
      ),
    values: z
      .array(z.union([z.number(), z.string()]))
      .min(1)
      .describe("its values, one run each"),
  })
  .describe("runs the scenario once per value");

/** `yado run --scenario` */
export const scenarioSchema = z
  .strictObject({
    title: z.string().describe("a line for the report").optional(),
    machine: machineSchema.optional(),
    memory: size("RAM of guests that don't set their own").optional(),
    workload: workloadSchema.describe("options for guests that don't set their own").optional(),
    nics: z.array(nicSchema).min(1).describe("the physical network interfaces; one where a guest needs it").optional(),
    network: networkSchema.optional(),
    serials: z
      .array(serialSchema)
      .min(1)
      .max(MOST_SERIALS)
      .describe("the physical serial lines; one by default")
      .optional(),
    disks: z.array(diskSchema).min(1).describe("the physical disks; one generated disk by default").optional(),
    guests: z.array(guestSchema).min(1).describe("the guests, at least one"),
    events: z.array(eventSchema).describe("what happens to the run from outside").optional(),
    sweep: z
      .union([sweepSchema, z.array(sweepSchema).min(1)])
      .describe("runs the scenario once per value; a list: once per combination of values")
      .optional(),
  })
  .describe("a Yado scenario");

/** `yado compare --config` */
export const compareSchema = z
  .strictObject({
    disk: z.string().min(1).describe("image file, relative to this file").optional(),
    interface: interfaceName.optional(),
    nic: z
      .enum(NIC_INTERFACES)
      .describe("the network interface: e1000e (the default), or natively virtio or virtio-mmio")
      .optional(),
    guest: z.string().min(1).describe("ELF file to run instead of the probe, relative to this file").optional(),
    modes: z.array(modeName).min(1).describe("attach modes, in the order of the report").optional(),
    memory: size("guest RAM, a multiple of 4 MiB").optional(),
    workload: workloadSchema.optional(),
    network: networkSchema.optional(),
    machine: machineSchema.optional(),
    sweep: sweepSchema.optional(),
  })
  .describe("a configuration of `yado compare`");

export type ScenarioFile = z.output<typeof scenarioSchema>;
export type CompareFile = z.output<typeof compareSchema>;
export type MachineFile = z.output<typeof machineSchema>;
export type WorkloadFile = z.output<typeof workloadSchema>;

/** JSON Schema (draft 2020-12) of either kind of file, as `yado schema` prints it. */
export function fileSchema(kind: "scenario" | "compare"): object {
  return z.toJSONSchema(kind === "scenario" ? scenarioSchema : compareSchema, { io: "input" });
}
