// No virtualization: firmware and the guest own the machine, and no VMM exists. It stands in the table so that the
// baseline is a mode like the others; nothing is attached.
import type { AttachMode, SerialMode } from "../types.js";

function attach(): never {
  throw new Error("native mode runs without a VMM");
}

export const native: AttachMode = { name: "native", exclusive: true, attach };
export const nativeSerial: SerialMode = { name: "native", exclusive: true, attach };
