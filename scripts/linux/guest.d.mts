// Types of what tests and benches use of guest.mjs.
export interface LinuxGuest {
  /** Paths of the kernel, its modules, BusyBox, and OpenSBI's fw_dynamic.bin. */
  readonly image: string;
  readonly modules: string;
  readonly busybox: string;
  readonly opensbi: string;
  /** The kernel's release. */
  readonly version: string;
}

export declare const LEAN: string;
export declare function linuxGuest(): LinuxGuest | undefined;
export declare function initramfs(
  guest: Pick<LinuxGuest, "busybox" | "modules">,
  what: { script: string; modules?: readonly string[] },
): Uint8Array;
