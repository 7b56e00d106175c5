// Exits that Wasm finishes cost and count what they do when they leave: the same run, to the last digit.
import { expect, test } from "vitest";
import { Core } from "../../src/core/core.js";
import { Costs } from "../../src/platform/costs.js";
import { Machine } from "../../src/platform/machine.js";
import { vmmCosts } from "../../src/vmm/costs.js";
import { startHosted } from "../../src/vmm/hosted.js";
import { UART } from "../../src/platform/memory-map.js";
import { lineRate } from "../../src/platform/serial.js";
import { Placement } from "../../src/vmm/memory/placement.js";
import { NVME_FUNCTION } from "../../src/vmm/attach/nvme-function.js";
import { elfOf } from "./elf-of.js";

const MIB = 0x10_0000;

/** 100 times SBI BASE functions 0…6 and TIME, then shutdown. */
const kernel = elfOf(
  0x0640_0293, // li t0, 100
  0x0070_0313, // li t1, 7
  0x0100_0893, // li a7, 0x10
  0xfff3_0813, // addi a6, t1, -1
  0x0000_0073, // ecall
  0xfff3_0313, // addi t1, t1, -1
  0xfe03_1ae3, // bnez t1, -12
  0x5449_58b7, // lui a7, 0x54495
  0xd458_8893, // addi a7, a7, -0x2bb ("TIME")
  0x0000_0813, // li a6, 0
  0xfff0_0513, // li a0, -1
  0x0000_0073, // ecall
  0xfff2_8293, // addi t0, t0, -1
  0xfc02_98e3, // bnez t0, -48
  0x5352_58b7, // lui a7, 0x53525
  0x3548_8893, // addi a7, a7, 0x354 ("SRST")
  0x0000_0513, // li a0, 0
  0x0000_0593, // li a1, 0
  0x0000_0073, // ecall
);

function play(exitsInWasm: boolean) {
  const guest = { name: "a", ram: 8 * MIB };
  const placement = new Placement({ guests: [guest], chunk: 4 * MIB, vmmRam: 16 * MIB });
  const core = new Core(placement.ramSize, "timed");
  const costs = new Costs({ "exit-indirect": 0.33 });
  const machine = new Machine({ core, costs });
  const device = { read: () => 0, write: () => 0, reset: () => {} };
  const { fn } = machine.attachPcie(NVME_FUNCTION, () => device);
  const range = { start: 0, length: MIB };
  const serials = [{ ...UART, rate: lineRate(115_200) }];
  const { vmm } = startHosted(machine, { disks: [fn], nics: [], serials }, placement, {
    guests: [
      { ...guest, kernel, bootargs: "", modes: { disk: "assigned", serial: "emulated" }, disk: 0, queues: 1, range },
    ],
    pageSize: 4096,
    iommuPageSize: 4096,
    timeSlice: 1e6,
    limit: 1e9,
    costs: vmmCosts(costs),
    exitsInWasm,
  });
  const stop = machine.run(1e9);
  const { account, stop: reason } = vmm.guests[0];
  return { stop, reason, account, cycles: machine.account.cycles(), registers: [10, 11, 16, 17].map((i) => core.x(i)) };
}

test("SBI BASE and TIME in Wasm and in TypeScript are the same run", () => {
  const inWasm = play(true);
  const here = play(false);
  expect(here.account.exits.get("ecall")).toBeGreaterThan(800);
  expect(here.reason).toEqual({ kind: "shutdown", code: 0 });
  expect(inWasm).toEqual(here);
});
