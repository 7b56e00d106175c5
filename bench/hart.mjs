// Instructions per second of the hart on eight bare programs of integers, and on one of doubles that no mean takes in, in both builds,
// and the same programs on QEMU's TCG.
// User CPU time of whole processes, less that of a program that does nothing; Yado and QEMU take turns; best of several.
import {
  bundled,
  cost,
  digits,
  geometricMean,
  onQemu,
  qemuInstalled,
  rate,
  table,
  timed,
  withPrograms,
} from "./support.mjs";

const PROGRAMS = ["sieve", "crc32", "quicksort", "matmul", "memcpy", "chase", "fib", "bytecode"];
const FLOAT = "float";
const BUILDS = ["flat", "timed"];

export function run({ quick }) {
  const runner = bundled("hart-runner");
  const rounds = quick ? 1 : 3;
  const onYado = (build, elf) => {
    const { output, user } = timed(process.execPath, [runner, build, elf]);
    return { ...JSON.parse(output), user };
  };
  const systems = [
    ...BUILDS.map((build) => [build, (elf) => onYado(build, elf)]),
    ...(qemuInstalled ? [["qemu", onQemu]] : []),
  ];

  /** The best of `rounds` turns of each system, by name. */
  const bestOf = (elf) => {
    const best = {};
    for (let round = 0; round < rounds; round++) {
      for (const [name, runOn] of systems) {
        const result = runOn(elf);
        if (!best[name] || result.user < best[name].user) best[name] = result;
      }
    }
    const outputs = new Set(Object.values(best).map(({ output }) => output));
    if (outputs.size !== 1) throw new Error(`${elf}: the systems disagree: ${[...outputs].join(" | ")}`);
    return best;
  };

  return withPrograms((program) => {
    const empty = bestOf(program("empty"));
    const rows = [...PROGRAMS, FLOAT].map((name) => {
      const repetitions = quick ? (count) => Math.max(1, Math.round(count / 10)) : (count) => count;
      const best = bestOf(program(name, { repetitions }));
      const instructions = best.flat.instructions - empty.flat.instructions;
      const seconds = (system) => Math.max(best[system].user - empty[system].user, 0.001);
      const mips = Object.fromEntries(systems.map(([system]) => [system, instructions / seconds(system) / 1e6]));
      return { name, instructions, mips, cycles: best.timed.cycles / best.timed.instructions };
    });

    const names = systems.map(([name]) => name);
    const mean = (of) => geometricMean(rows.filter(({ name }) => name !== FLOAT).map(of));
    const ratio = (build) => (qemuInstalled ? mean(({ mips }) => mips[build] / mips.qemu) : undefined);
    const ratios = (mips) => (qemuInstalled ? BUILDS.map((build) => digits(mips[build] / mips.qemu)) : []);
    const text = table(
      [
        ...["program", "M instr.", "cycles/instr."],
        ...names.map((name) => `MIPS ${name}`),
        ...(qemuInstalled ? BUILDS.map((build) => `${build}/qemu`) : []),
      ],
      [
        ...rows.map(({ name, instructions, cycles, mips }) => [
          ...[name, digits(instructions / 1e6), digits(cycles)],
          ...names.map((system) => digits(mips[system])),
          ...ratios(mips),
        ]),
        [
          ...["geometric mean, integers", "", digits(mean(({ cycles }) => cycles))],
          ...names.map((system) => digits(mean(({ mips }) => mips[system]))),
          ...(qemuInstalled ? BUILDS.map((build) => digits(ratio(build))) : []),
        ],
      ],
    );
    const speed = (name, mips) => rate(name, "mips", mips, "MIPS", 1000, "ns/instruction");
    const figures = BUILDS.flatMap((build) => [
      ...rows.map(({ name, mips }) => speed(`hart/${name}/${build}`, mips[build])),
      speed(
        `hart/geometric-mean/${build}`,
        mean(({ mips }) => mips[build]),
      ),
      ...(qemuInstalled
        ? [rate(`hart/geometric-mean/${build}`, "times-qemu", ratio(build), "× QEMU", 1, "× QEMU's time")]
        : []),
    ]);
    // exact, and the same on every host: the modelled cycles
    figures.push(...rows.map(({ name, cycles }) => cost(`hart/${name}`, "cycles-per-instruction", cycles, "cycles")));
    return { text, figures };
  });
}
