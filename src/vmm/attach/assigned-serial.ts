// Direct assignment: the registers of the physical 16550A lie in the guest's second stage, and its interrupt is injected. It
// has no DMA, so the IOMMU has no part in it.
import { UART } from "../../platform/memory-map.js";
import { uartSetUp } from "../../platform/serial.js";
import type { SerialMode } from "../types.js";
import { injectSource } from "./direct.js";

const PAGE = 0x1000;

export const assignedSerial: SerialMode = {
  name: "assigned",
  exclusive: true,
  attach({ vmm, vm, line }) {
    const [quiet] = uartSetUp(line.rate);
    const write = ([register, value]: typeof quiet) => vmm.mmioWrite(line.start + register, 1, value);
    for (const one of uartSetUp(line.rate)) write(one);
    vm.mapDirect(UART.start, line.start, PAGE);
    const release = injectSource(vmm, vm, { physical: line.irq, virtual: UART.irq }, (level) =>
      vm.irq(UART.irq).set(level),
    );
    return () => {
      write(quiet);
      release();
      vm.unmapDirect(UART.start, PAGE);
    };
  },
};
