// Trap and emulate: the guest's stock driver works on the VMM's software model of the 16550A. What it sends goes on as fast
// as the physical line takes it; the divisor that the guest sets changes nothing.
import { Uart16550 } from "../../devices/uart16550.js";
import { UART } from "../../platform/memory-map.js";
import type { SerialMode } from "../types.js";

export const emulatedSerial: SerialMode = {
  name: "emulated",
  exclusive: false,
  attach({ vmm, vm, openPort }) {
    const port = openPort();
    const irq = vm.counted(vm.irq(UART.irq));
    const model = new Uart16550({ irq, clock: vmm.clock, console: port, inputClock: 0 });
    port.onInput = () => model.poll();
    vm.map(UART.start, UART.size, model, "uart");
    return () => model.drain();
  },
};
