// The chapter's claims S1 to S12: each in our words, with its experiments and its judges. docs/claims.md explains them.
import type { CostName } from "../platform/costs.js";
import { judgeAffordability } from "./judges/affordability.js";
import { judgeDedication, judgeRewriting, judgeService, judgeStray } from "./judges/assignment.js";
import { type BusDevice, DEVICES, prefixed } from "./judges/devices.js";
import { judgeCollapse, judgeSharing } from "./judges/emulation.js";
import { judgeAttack, judgeIotlb, judgeIotlbOfRings } from "./judges/iotlb.js";
import { judgeOwnLine, judgeSerial, judgeSharedLine, judgeVirtioConsole } from "./judges/serial.js";
import { judgeMixture, judgeParavirtual } from "./judges/sharing.js";
import { streamUses, workloadUses } from "./judges/workloads.js";
import type { Claim, Part, Use } from "./types.js";

/** Leaving a guest and entering it again. */
const EXIT: readonly CostName[] = ["exit-entry", "exit-return", "exit-state", "exit-indirect", "mmio-exit"];
/** An interrupt's way to a guest. */
const INTERRUPT: readonly CostName[] = [
  "interrupt-exit",
  "interrupt-inject",
  "interrupt-delivery",
  "end-of-interrupt-trapped",
];
/** The VMM's own driver. */
const DRIVER: readonly CostName[] = ["guest-buffer", "vmm-copy", "mmio-read-pcie", "mmio-write"];
/** What the VMM does for a request or a frame, and what the device behind takes for it. */
const SERVICE: Readonly<Record<BusDevice, readonly CostName[]>> = {
  disk: ["block-submit", "block-complete"],
  LAN: ["frame-send", "frame-receive"],
};
const PHYSICAL: Readonly<Record<BusDevice, readonly CostName[]>> = {
  disk: ["medium-read", "medium-bandwidth", "pcie-bandwidth"],
  LAN: ["dma-read-pcie", "dma-write", "pcie-bandwidth"],
};

const BUS: readonly BusDevice[] = ["disk", "LAN"];
const named = (device: BusDevice, ...scenarios: readonly string[]): Use[] =>
  scenarios.map((scenario) => ({ scenario: prefixed(device, scenario) }));
/** The same for disk and LAN. */
const both = (part: (device: BusDevice) => Omit<Part, "device">): Part[] =>
  BUS.map((device) => ({ device, ...part(device) }));
/** Who translates the addresses of a dedicated device, and what goes wrong without. */
const addresses = (device: BusDevice): Use[] => named(device, "addresses", ...(device === "LAN" ? ["stray"] : []));
const compared = (device: BusDevice, modes: readonly string[], costs: readonly CostName[]) => ({
  costs,
  uses: workloadUses(device, modes),
});

/** What may make a guest go short beside others: the largest crowds again. */
const sharing = (device: BusDevice, own: string, one: string) => ({
  costs: [...EXIT, ...INTERRUPT, ...SERVICE[device], ...DRIVER, ...PHYSICAL[device]],
  uses: [
    { scenario: prefixed(device, own), where: { guests: ["4"] } },
    { scenario: prefixed(device, one), where: { guests: ["8"] } },
  ],
});

/** What a character costs, whichever way it takes. */
const CHARACTER: readonly CostName[] = [
  ...EXIT,
  ...INTERRUPT,
  "schedule",
  "console-send",
  "guest-buffer",
  "mmio-read-soc",
];
/** One serial line under these modes; where the VMM has a model, that in its kernel and in a process. */
const console = (...modes: readonly string[]): Use[] =>
  modes.map((mode) => ({
    scenario: "console",
    where: { mode: [mode], ...(["native", "assigned"].includes(mode) ? { profile: ["kernel"] } : {}) },
  }));

export const CLAIMS: readonly Claim[] = [
  {
    id: "S1",
    says: "A guest believes that it owns the device: its accesses to control registers trap, and the VMM's model of the device turns them into consistent operations on the real one, for several guests at once.",
    parts: [
      { device: "serial line", uses: [{ scenario: "console-shared" }], judge: judgeSharedLine },
      ...both((device) => ({ uses: named(device, "shared-emulated"), judge: judgeSharing(device) })),
    ],
    missing: [],
  },
  {
    id: "S2",
    says: "For a slow serial line emulation performs well enough.",
    parts: [
      {
        device: "serial line",
        uses: [...console("native", "emulated", "assigned", "paravirtual"), { scenario: "console-rates" }],
        judge: judgeSerial,
        sensitivity: { costs: CHARACTER, uses: console("native", "emulated") },
      },
    ],
    missing: [],
  },
  {
    id: "S3",
    says: "For disk and LAN the performance of emulation collapses.",
    parts: both((device) => ({
      uses: [...workloadUses(device, ["native", "emulated"]), ...named(device, "profile")],
      judge: judgeCollapse(device),
      sensitivity: compared(
        device,
        ["native", "emulated"],
        [...EXIT, ...INTERRUPT, ...SERVICE[device], ...DRIVER, ...PHYSICAL[device]],
      ),
    })),
    missing: [],
  },
  {
    id: "S4",
    says: "A device that is dedicated to one guest works with its ordinary driver as it is, at no loss.",
    parts: [
      {
        device: "serial line",
        uses: [...console("native", "assigned"), { scenario: "console-rates" }],
        judge: judgeOwnLine,
        sensitivity: { costs: CHARACTER, uses: console("native", "assigned") },
      },
      ...both((device) => ({
        uses: [...workloadUses(device, ["native", "assigned"]), ...named(device, "polling")],
        judge: judgeDedication(device),
        sensitivity: compared(
          device,
          ["native", "assigned"],
          [...EXIT, ...INTERRUPT, "mmio-write", "iotlb-hit", "io-walk-reference", ...PHYSICAL[device]],
        ),
      })),
    ],
    missing: [],
  },
  {
    id: "S5",
    says: "But its driver gives the device guest addresses, so DMA goes wrong.",
    parts: both((device) => ({ uses: addresses(device), judge: judgeStray(device) })),
    missing: [],
  },
  {
    id: "S6",
    says: "An IOTLB in the hub, which the VMM controls and all devices share, gives each device a page table of its own and checks every access.",
    parts: [
      {
        device: "disk",
        uses: named("disk", "iotlb-knee", "iotlb-shared", "page-size"),
        attack: "disk",
        judge: judgeIotlb,
        sensitivity: {
          costs: ["iotlb-hit", "io-walk-reference", "ddt-reference", "medium-read"],
          uses: [{ scenario: "iotlb-knee", where: { "iotlb-entries": ["32"] } }, { scenario: "iotlb-shared" }],
        },
      },
      {
        device: "LAN",
        uses: named("LAN", "iotlb-ring", "iotlb-shared"),
        attack: "nic",
        judge: judgeIotlbOfRings,
        sensitivity: {
          costs: ["iotlb-hit", "io-walk-reference", "ddt-reference"],
          uses: named("LAN", "iotlb-ring", "iotlb-shared"),
        },
      },
    ],
    missing: [],
  },
  {
    id: "S7",
    says: "Without an IOTLB the VMM can offer a service that tells physical addresses; the driver is modified to ask.",
    parts: both((device) => ({
      uses: [...addresses(device), ...streamUses(device, ["native", "assigned-service"])],
      judge: judgeService(device),
    })),
    missing: [],
  },
  {
    id: "S8",
    says: "Or the VMM notices that DMA addresses are being set, takes an exception and rewrites them.",
    parts: both((device) => ({
      uses: [...addresses(device), ...streamUses(device, ["native", "assigned-rewrite"])],
      judge: judgeRewriting(device),
    })),
    missing: [],
  },
  {
    id: "S9",
    says: "Without a check a faulty or hostile driver can name addresses of the VMM or of other guests; the IOTLB with the VMM's check shuts that out.",
    parts: both((device) => ({ uses: [], attack: DEVICES[device].attack, judge: judgeAttack(device) })),
    missing: [],
  },
  {
    id: "S10",
    says: "A physical disk or LAN controller for each virtual processor is not affordable, so devices must be shared.",
    parts: [
      {
        device: "disk",
        uses: named("disk", "own-disks", "one-disk"),
        judge: judgeAffordability("disk"),
        sensitivity: sharing("disk", "own-disks", "one-disk"),
      },
      {
        device: "LAN",
        uses: named("LAN", "own-nics", "one-nic"),
        judge: judgeAffordability("LAN"),
        sensitivity: sharing("LAN", "own-nics", "one-nic"),
      },
    ],
    missing: ["a device that shares itself (SR-IOV's virtual functions) is not there"],
  },
  {
    id: "S11",
    says: "Paravirtualization, with the device's driver in the VMM and guests that ask for high-level operations, is fast and shareable, but the guest must be modified.",
    parts: [
      {
        device: "serial line",
        uses: [
          ...console("emulated", "paravirtual"),
          { scenario: "console-rates", where: { mode: ["emulated", "paravirtual"] } },
          { scenario: "console-shared" },
        ],
        judge: judgeVirtioConsole,
        sensitivity: { costs: CHARACTER, uses: console("emulated", "paravirtual") },
      },
      ...both((device) => ({
        uses: [
          ...workloadUses(device, ["native", "emulated", "paravirtual"]),
          ...named(device, "shared-paravirtual", ...(device === "LAN" ? ["competing"] : [])),
        ],
        judge: judgeParavirtual(device),
        sensitivity: compared(
          device,
          ["native", "emulated", "paravirtual"],
          [...EXIT, ...INTERRUPT, ...SERVICE[device], ...DRIVER, ...PHYSICAL[device]],
        ),
      })),
    ],
    missing: [],
  },
  {
    id: "S12",
    says: "A VMM can support all of these side by side.",
    parts: both((device) => ({
      uses: [...named(device, "mixed-modes"), { scenario: "mixed-devices" }],
      judge: judgeMixture(device),
    })),
    missing: [],
  },
];
