// No virtualization: firmware and the guest own the machine, and no VMM exists. It stands in the table so that the
// baseline is a mode like the others; nothing is attached.
import type { AttachMode } from "../types.js";

export const native: AttachMode = {
  name: "native",
  exclusive: true,
  attach() {
    throw new Error("native mode runs without a VMM");
  },
};
