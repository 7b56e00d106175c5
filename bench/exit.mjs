// Host time of an exit: those that TypeScript handles, and one that a loop in Wasm does; and those of a guest whose hypervisor is itself a program of the
// machine (guests/bench/hypervisor-exit), on Yado and on QEMU in turns.
import { bundled, compiledLoops, cost, digits, onQemu, qemuInstalled, table, timed, withPrograms } from "./support.mjs";

export function run({ quick }) {
  const rounds = quick ? 1 : 3;
  const handled = JSON.parse(
    timed(process.execPath, [bundled("exit-runner"), String(quick ? 200_000 : 2_000_000), compiledLoops()]).output,
  );

  const runner = bundled("hart-runner");
  const onYado = (elf) => {
    const { output, user } = timed(process.execPath, [runner, "timed", elf]);
    return { output: JSON.parse(output).output, user };
  };
  const systems = [["yado", onYado], ...(qemuInstalled ? [["qemu", onQemu]] : [])];
  // as many exits as take each system a second or so
  const counts = { yado: quick ? 200_000 : 2_000_000, qemu: quick ? 20_000 : 200_000 };
  const nanoseconds = withPrograms((program) => {
    const best = {};
    for (let round = 0; round < rounds; round++) {
      for (const [system, runOn] of systems) {
        const n = counts[system];
        for (const [kind, ecalls, accesses] of [
          ["none", 0, 0],
          ["ecall", n, 0],
          ["mmio", 0, n],
        ]) {
          const { output, user } = runOn(program("hypervisor-exit", { ecalls, accesses }));
          const [, seen, emulated] = /ecalls=([0-9a-f]+) accesses=([0-9a-f]+)/.exec(output) ?? [];
          if (Number.parseInt(seen, 16) !== ecalls || Number.parseInt(emulated, 16) !== accesses) {
            throw new Error(`hypervisor-exit on ${system}: ${output}`);
          }
          best[`${system} ${kind}`] = Math.min(best[`${system} ${kind}`] ?? Infinity, user);
        }
      }
    }
    return (system, kind) => ((best[`${system} ${kind}`] - best[`${system} none`]) * 1e9) / counts[system];
  });

  const nested = ["ecall", "mmio"].flatMap((kind) =>
    systems.map(([system]) => [`hypervisor in the machine: ${kind} (${system})`, nanoseconds(system, kind)]),
  );
  const rows = [...Object.entries(handled).map(([name, ns]) => [name, ns]), ...nested];
  return {
    text: table(
      ["exit", "ns", "M/s"],
      rows.map(([name, ns]) => [name, digits(ns), digits(1000 / ns)]),
    ),
    figures: [
      ...Object.entries(handled).map(([name, ns]) => cost(`exit/${name}`, "host-time", ns, "ns")),
      ...["ecall", "mmio"].map((kind) => cost(`exit/hypervisor/${kind}`, "host-time", nanoseconds("yado", kind), "ns")),
      ...(qemuInstalled
        ? ["ecall", "mmio"].map((kind) =>
            cost(
              `exit/hypervisor/${kind}`,
              "time-to-qemu",
              nanoseconds("yado", kind) / nanoseconds("qemu", kind),
              "× QEMU's time",
            ),
          )
        : []),
    ],
  };
}
