// Intel 82574 GbE Controller Family Datasheet 3.4, "Packet Reception".
import { expect, test } from "vitest";
import {
  CTRL,
  CTRL_VME,
  MTA,
  RAL,
  RCTL,
  RDBAL,
  RDH,
  RDLEN,
  RDT,
  RFCTL,
  RXCSUM,
  VFTA,
} from "../../support/e1000e-driver.js";
import { frameCheck } from "../../../src/devices/e1000e/offloads.js";
import { internetSum } from "../../../src/devices/offload.js";
import { sameBytes } from "../../support/world.js";
import { e1000e, frame, MAC, ready, tagged, tcpFrame, withChecksums } from "./setup.js";

const DD_EOP = 3;
const IXSM = 1 << 2;
const VP = 1 << 3;
const TCPCS = 1 << 5;
const IPCS = 1 << 6;
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const GROUP = [0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb];
const OTHER = [0x52, 0x54, 0x00, 0xaa, 0xbb, 0xcc];

const [UPE, MPE, LPE, VFE] = [1 << 3, 1 << 4, 1 << 5, 1 << 18];

/** What arrives of a frame with these bits in RCTL. */
function arrival(bytes: Uint8Array, rctl = 0, prepare: (made: ReturnType<typeof e1000e>) => void = () => {}) {
  const made = e1000e();
  made.driver.setUpReceive(16, { rctl });
  prepare(made);
  made.cable.arrive(bytes);
  made.world.run();
  return made.driver.take()?.bytes;
}

test("a frame comes with its length and status in an extended descriptor ('Extended Rx Descriptor')", () => {
  const { driver, world, cable } = ready();
  cable.arrive(frame(100));
  world.run();
  const received = driver.take();
  expect(received).toEqual({ bytes: frame(100), status: DD_EOP | IXSM, errors: 0, vlan: 0 });
  expect(driver.read(RDH)).toBe(1);
});

test("and in a legacy descriptor ('Legacy Receive Descriptor Format')", () => {
  const { driver, world, cable } = e1000e();
  driver.setUpReceive(16, { legacy: true });
  cable.arrive(frame(100));
  world.run();
  const { base, buffers } = driver.rx;
  expect(driver.get(base)).toBe(buffers[0]);
  expect(driver.get(base + 8) & 0xffff).toBe(100);
  expect(driver.get(base + 12) & 0xffff).toBe(DD_EOP | IXSM);
  expect(sameBytes(world.memory.slice(buffers[0], 100), frame(100))).toBe(true);
});

test("a frame longer than a buffer takes several descriptors", () => {
  const received = arrival(frame(1500), 3 << 16); // buffers of 256 bytes
  expect(received).toEqual(frame(1500));
});

test("a legacy packet's checksum is in its first descriptor ('Packet Checksum')", () => {
  const { driver, world, cable } = e1000e();
  driver.setUpReceive(16, { legacy: true, rctl: 3 << 16 });
  const sent = frame(400);
  cable.arrive(sent);
  world.run();
  const checksums = [0, 1].map((i) => driver.get(driver.rx.base + 16 * i + 8) >>> 16);
  expect(checksums).toEqual([internetSum(sent), 0]);
});

test("filters: own address, broadcast, others only in promiscuous mode ('Packet Address Filtering')", () => {
  expect(arrival(frame(60, MAC))).toBeDefined();
  expect(arrival(frame(60, BROADCAST))).toBeDefined();
  expect(arrival(frame(60, OTHER))).toBeUndefined();
  expect(arrival(frame(60, OTHER), UPE)).toBeDefined();
  expect(arrival(frame(60, GROUP))).toBeUndefined();
  expect(arrival(frame(60, GROUP), MPE)).toBeDefined();
});

test("a second receive address and the multicast table let frames in ('Receive Address High', 'Multicast Table Array')", () => {
  const second = arrival(frame(60, OTHER), 0, ({ driver }) => {
    driver.write(RAL + 8, 0xaa00_5452);
    driver.write(RAL + 12, 0x8000_ccbb);
  });
  expect(second).toBeDefined();
  const bit = ((0xfb << 8) >>> 4) & 0xfff;
  const hashed = arrival(frame(60, GROUP), 0, ({ driver }) => driver.write(MTA + 4 * (bit >>> 5), 1 << (bit & 31)));
  expect(hashed).toBeDefined();
});

test("long frames need LPE ('Receive Control Register')", () => {
  expect(arrival(frame(1514))).toBeDefined();
  expect(arrival(frame(1515))).toBeUndefined();
  expect(arrival(tagged(frame(1514), 1))).toBeDefined();
  expect(arrival(frame(4000), LPE)).toEqual(frame(4000));
});

test("the VLAN filter table decides on tagged frames ('VLAN filtering')", () => {
  const allow = ({ driver }: ReturnType<typeof e1000e>) => driver.write(VFTA + 4 * 3, 1 << 4);
  expect(arrival(tagged(frame(60), 100), VFE, allow)).toBeDefined();
  expect(arrival(tagged(frame(60), 101), VFE, allow)).toBeUndefined();
  expect(arrival(frame(60), VFE, allow)).toBeDefined();
});

test("a tag goes from the frame to the descriptor ('802.1q VLAN Packet Stripping')", () => {
  const { driver, world, cable } = ready();
  driver.write(CTRL, CTRL_VME);
  cable.arrive(tagged(frame(100), 0x2123));
  world.run();
  expect(driver.take()).toEqual({ bytes: frame(100), status: DD_EOP | IXSM | VP, errors: 0, vlan: 0x2123 });
});

test("without SECRC the check sequence comes with the frame ('Strip Ethernet CRC')", () => {
  const received = arrival(frame(60), 0, ({ driver }) => driver.write(RCTL, driver.read(RCTL) & ~(1 << 26)));
  const RESIDUE = 0x2144_df1c;
  expect(frameCheck(received!)).toBe(RESIDUE);
  expect(received!.subarray(0, 60)).toEqual(frame(60));
  expect(frameCheck(new TextEncoder().encode("123456789"))).toBe(0xcbf4_3926);
});

test("checksums that were right and wrong ('Receive Checksum Offloading')", () => {
  const { driver, world, cable } = ready();
  const good = withChecksums(tcpFrame(new Uint8Array(100).fill(5)));
  const badIp = good.slice();
  badIp[18] ^= 1;
  const badTcp = good.slice();
  badTcp[100] ^= 1;
  for (const each of [good, badIp, badTcp]) cable.arrive(each);
  world.run();
  const seen = [driver.take(), driver.take(), driver.take()].map((each) => [each!.status, each!.errors]);
  const checked = DD_EOP | IPCS | TCPCS;
  expect(seen.map(([status]) => status & (checked | IXSM))).toEqual([checked, checked, checked]);
  expect(seen.map(([, errors]) => errors)).toEqual([0, 0x40, 0x20]);
});

test("with RXCSUM cleared nothing is said of checksums", () => {
  const { driver, world, cable } = ready();
  driver.write(RXCSUM, 0);
  cable.arrive(withChecksums(tcpFrame(new Uint8Array(10))));
  world.run();
  expect(driver.take()!.status & (IXSM | IPCS | TCPCS)).toBe(IXSM);
});

test("headers and data go to buffers of their own ('Packet Split Receive')", () => {
  const { driver, world, cable } = e1000e();
  const { memory } = world;
  const base = memory.allocate(256);
  const [header, data] = [memory.allocate(256), memory.allocate(4096)];
  driver.word(base, header);
  driver.word(base + 8, data);
  driver.write(RFCTL, 1 << 15);
  driver.write(RDBAL, base);
  driver.write(RDLEN, 256);
  driver.write(RCTL, 2 | (1 << 10) | (1 << 26));
  driver.write(RDT, 2);
  const packet = withChecksums(tcpFrame(Uint8Array.from({ length: 200 }, (_, i) => i)));
  cable.arrive(packet);
  world.run();
  expect(driver.get(base + 12) & 0xffff).toBe(54);
  expect(driver.get(base + 16)).toBe((200 << 16) | 0x8000 | 54);
  expect(sameBytes(memory.slice(header, 54), packet.subarray(0, 54))).toBe(true);
  expect(sameBytes(memory.slice(data, 200), packet.subarray(54))).toBe(true);
  expect(driver.read(RDH)).toBe(2);
});

test("frames without descriptors wait, counted, until there is no room ('Receive No Buffers Count', 'Missed Packets Count')", () => {
  const { driver, world, cable } = e1000e();
  driver.setUpReceive(8);
  for (let i = 0; i < 30; i++) cable.arrive(frame(1500));
  world.run();
  let taken = 0;
  while (driver.take()) {
    taken++;
    world.run();
  }
  const [missed, noBuffers] = [driver.read(0x4010), driver.read(0x40a0)];
  expect(taken + missed).toBe(30);
  expect(missed).toBe(17); // 20 KiB hold 13 frames
  expect(noBuffers).toBe(0);
  for (let i = 0; i < 9; i++) {
    cable.arrive(frame(60));
    world.run();
  }
  expect(driver.read(0x40a0)).toBe(2); // 7 descriptors of 8 are the controller's
});

test("a buffer that isn't there gives the descriptor back with an error", () => {
  const { driver, world, cable } = ready();
  world.memory.hole(driver.rx.buffers[0], 2048);
  cable.arrive(frame(100));
  cable.arrive(frame(101));
  world.run();
  expect(driver.take()!.errors).toBe(0x80);
  expect(driver.take()!.bytes).toEqual(frame(101));
});

test("statistics count what arrived, for this station and at all ('Statistics Registers')", () => {
  const { driver, world, cable } = ready();
  cable.arrive(frame(60));
  cable.arrive(frame(60, OTHER));
  cable.arrive(frame(500, BROADCAST));
  world.run();
  expect([0x4074, 0x40d0, 0x405c, 0x4068, 0x4078].map((at) => driver.read(at))).toEqual([2, 3, 1, 1, 1]);
});

test("RSS: the verification suite's hash of addresses and ports, and its queue ('Receive-Side Scaling')", () => {
  const { driver, world, cable } = ready();
  const key = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b,
    0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac,
    0x01, 0xfa,
  ];
  const words = new DataView(Uint8Array.from(key).buffer);
  for (let i = 0; i < 10; i++) driver.write(0x5c80 + 4 * i, words.getUint32(4 * i, true));
  driver.write(0x5818, (1 << 16) | 1);
  driver.write(RXCSUM, 0x2300);
  const packet = tcpFrame(new Uint8Array(0));
  packet.set([66, 9, 149, 187, 161, 142, 100, 80], 26);
  packet.set([2794 >>> 8, 2794 & 0xff, 1766 >>> 8, 1766 & 0xff], 34);
  cable.arrive(withChecksums(packet));
  world.run();
  expect(driver.get(driver.rx.base + 4)).toBe(0x51cc_c178);
  expect(driver.get(driver.rx.base)).toBe(1);
});
