// The chapter's claims S1 to S12: each in our words, with its experiments and its judge. docs/claims.md explains them.
import type { CostName } from "../platform/costs.js";
import { judgeDedication, judgeRewriting, judgeService, judgeStray } from "./judges/assignment.js";
import { judgeCollapse, judgeSerial, judgeSharing } from "./judges/emulation.js";
import { judgeAttack, judgeIotlb } from "./judges/iotlb.js";
import { judgeMixture, judgeParavirtual } from "./judges/sharing.js";
import { workloadUses } from "./judges/workloads.js";
import type { Claim } from "./types.js";

const LAN = "LAN: no experiment yet";

/** Leaving a guest and entering it again. */
const EXIT: readonly CostName[] = ["exit-entry", "exit-return", "exit-state", "exit-indirect", "mmio-exit"];
/** An interrupt's way to a guest. */
const INTERRUPT: readonly CostName[] = [
  "interrupt-exit",
  "interrupt-inject",
  "interrupt-delivery",
  "end-of-interrupt-trapped",
];
/** The VMM's block layer and its driver. */
const BLOCK: readonly CostName[] = [
  "block-submit",
  "block-complete",
  "guest-buffer",
  "vmm-copy",
  "mmio-read-pcie",
  "mmio-write",
];
const MEDIUM: readonly CostName[] = ["medium-read", "medium-bandwidth", "pcie-bandwidth"];

const streams = (...modes: readonly string[]) => ({ scenario: "streams", where: { mode: modes } });

export const CLAIMS: readonly Claim[] = [
  {
    id: "S1",
    says: "A guest believes that it owns the device: its accesses to control registers trap, and the VMM's model of the device turns them into consistent operations on the real one, for several guests at once.",
    covers: ["serial line", "disk"],
    missing: [LAN],
    uses: [{ scenario: "shared-emulated" }],
    judge: judgeSharing,
  },
  {
    id: "S2",
    says: "For a slow serial line emulation performs well enough.",
    covers: ["serial line"],
    missing: [],
    uses: [
      { scenario: "console", where: { mode: ["native"], profile: ["kernel"] } },
      { scenario: "console", where: { mode: ["emulated"] } },
    ],
    judge: judgeSerial,
    sensitivity: {
      costs: [...EXIT, "interrupt-inject", "end-of-interrupt-trapped", "schedule"],
      uses: [
        { scenario: "console", where: { mode: ["native"], profile: ["kernel"] } },
        { scenario: "console", where: { mode: ["emulated"] } },
      ],
    },
  },
  {
    id: "S3",
    says: "For disk and LAN the performance of emulation collapses.",
    covers: ["disk"],
    missing: [LAN],
    uses: [...workloadUses(["native", "emulated"]), { scenario: "profile" }],
    judge: judgeCollapse,
    sensitivity: {
      costs: [...EXIT, ...INTERRUPT, ...BLOCK, ...MEDIUM],
      uses: workloadUses(["native", "emulated"]),
    },
  },
  {
    id: "S4",
    says: "A device that is dedicated to one guest works with its ordinary driver as it is, at no loss.",
    covers: ["disk"],
    missing: ["serial line: the board has one, and the VMM models it", LAN],
    uses: [...workloadUses(["native", "assigned"]), { scenario: "polling" }],
    judge: judgeDedication,
    sensitivity: {
      costs: [...EXIT, ...INTERRUPT, "mmio-write", "iotlb-hit", "io-walk-reference", ...MEDIUM],
      uses: workloadUses(["native", "assigned"]),
    },
  },
  {
    id: "S5",
    says: "But its driver gives the device guest addresses, so DMA goes wrong.",
    covers: ["disk"],
    missing: [LAN],
    uses: [{ scenario: "addresses" }],
    judge: judgeStray,
  },
  {
    id: "S6",
    says: "An IOTLB in the hub, which the VMM controls and all devices share, gives each device a page table of its own and checks every access.",
    covers: ["disk"],
    missing: [LAN],
    uses: [{ scenario: "iotlb-knee" }, { scenario: "iotlb-shared" }, { scenario: "page-size" }],
    attack: true,
    judge: judgeIotlb,
    sensitivity: {
      costs: ["iotlb-hit", "io-walk-reference", "ddt-reference", "medium-read"],
      uses: [{ scenario: "iotlb-knee", where: { "iotlb-entries": ["32"] } }, { scenario: "iotlb-shared" }],
    },
  },
  {
    id: "S7",
    says: "Without an IOTLB the VMM can offer a service that tells physical addresses; the driver is modified to ask.",
    covers: ["disk"],
    missing: [LAN],
    uses: [{ scenario: "addresses" }, streams("native", "assigned-service")],
    judge: judgeService,
  },
  {
    id: "S8",
    says: "Or the VMM notices that DMA addresses are being set, takes an exception and rewrites them.",
    covers: ["disk"],
    missing: [LAN],
    uses: [{ scenario: "addresses" }, streams("native", "assigned-rewrite")],
    judge: judgeRewriting,
  },
  {
    id: "S9",
    says: "Without a check a faulty or hostile driver can name addresses of the VMM or of other guests; the IOTLB with the VMM's check shuts that out.",
    covers: ["disk"],
    missing: [LAN],
    uses: [],
    attack: true,
    judge: judgeAttack,
  },
  {
    id: "S10",
    says: "A physical disk or LAN controller for each virtual processor is not affordable, so devices must be shared.",
    covers: [],
    missing: ["disk and LAN: SR-IOV's virtual functions are not attached yet"],
    uses: [],
    judge: () => ({
      verdict: "not shown yet",
      why: "Sharing by the VMM is what S1 and S11 show; a device that shares itself (SR-IOV) is not attached yet.",
      figures: [],
    }),
  },
  {
    id: "S11",
    says: "Paravirtualization, with the device's driver in the VMM and guests that ask for high-level operations, is fast and shareable, but the guest must be modified.",
    covers: ["disk"],
    missing: ["serial line: virtio-console is not attached yet", LAN],
    uses: [...workloadUses(["emulated", "paravirtual"]), { scenario: "shared-paravirtual" }],
    judge: judgeParavirtual,
    sensitivity: {
      costs: [...EXIT, ...INTERRUPT, ...BLOCK, ...MEDIUM],
      uses: workloadUses(["emulated", "paravirtual"]),
    },
  },
  {
    id: "S12",
    says: "A VMM can support all of these side by side.",
    covers: ["serial line", "disk"],
    missing: [LAN],
    uses: [{ scenario: "mixed-modes" }],
    judge: judgeMixture,
  },
];
