// The ways to attach a disk, those to attach a network interface, and those to attach the serial line. A mode without a file does not compile.
import type {
  AttachMode,
  AttachModeName,
  DiskAttachment,
  NicAttachment,
  SerialMode,
  SerialModeName,
} from "../types.js";
import { assigned } from "./assigned.js";
import { assignedRaw } from "./assigned-raw.js";
import { assignedRewrite } from "./assigned-rewrite.js";
import { assignedSerial } from "./assigned-serial.js";
import { assignedService } from "./assigned-service.js";
import { emulated } from "./emulated.js";
import { emulatedNic } from "./emulated-nic.js";
import { emulatedSerial } from "./emulated-serial.js";
import { native, nativeSerial } from "./native.js";
import { paravirtual } from "./paravirtual.js";
import { paravirtualNic } from "./paravirtual-nic.js";
import { paravirtualSerial } from "./paravirtual-serial.js";
import { rewriteNic } from "./rewrite-nic.js";

export const attachModes = {
  native,
  emulated,
  assigned,
  "assigned-service": assignedService,
  "assigned-rewrite": assignedRewrite,
  paravirtual,
  "assigned-raw": assignedRaw,
} satisfies Record<AttachModeName, AttachMode<DiskAttachment>>;

/** Assignment is the same for every device. */
export const nicModes = {
  native,
  emulated: emulatedNic,
  assigned,
  "assigned-service": assignedService,
  "assigned-rewrite": rewriteNic,
  paravirtual: paravirtualNic,
  "assigned-raw": assignedRaw,
} satisfies Record<AttachModeName, AttachMode<NicAttachment>>;

/** Without DMA there are no addresses to be told, rewritten or got wrong. */
export const serialModes = {
  native: nativeSerial,
  emulated: emulatedSerial,
  assigned: assignedSerial,
  paravirtual: paravirtualSerial,
} satisfies Record<SerialModeName, SerialMode>;
