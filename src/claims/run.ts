// Runs the experiments behind claims, each run once however many claims use it, and has the claims judged.
import { Costs, type CostName, PARAMETERS } from "../platform/costs.js";
import { ATTACK_MODES, ATTACK_TARGETS, type AttackCase, type AttackDevice, attack } from "../scenario/attack.js";
import type { Runner } from "../scenario/compare.js";
import { commonMode } from "../scenario/modes.js";
import { type ResolvedScenario, resolveScenario, runScenario, type ScenarioRun } from "../scenario/scenario.js";
import type { ScenarioFile } from "../scenario/schema.js";
import type { Located } from "../scenario/yaml-source.js";
import { UserError } from "../platform/user-error.js";
import { Evidence, fits, type Measured } from "./evidence.js";
import type { ClaimReport, ClaimsReport, ExperimentReport, PartReport, SensitivityReport } from "./report.js";
import { type Claim, inAll, type Part, type Use, type Verdict } from "./types.js";

export interface ClaimsOptions {
  readonly claims: readonly Claim[];
  /** A quarter of the volumes. */
  readonly quick: boolean;
  /** Whether verdicts are judged again with other costs. */
  readonly sensitivity: boolean;
  /** The guest program: an ELF file's bytes. */
  readonly kernel: Uint8Array;
}

export interface ClaimsServices {
  readonly run: Runner;
  readonly version: string;
  /** A scenario of `scenarios/claims/` by its name. */
  scenario(name: string): Located<ScenarioFile>;
  readonly observer?: {
    started?(name: string): void;
    finished?(name: string): void;
  };
}

const QUICK = 4;
/** Bytes of the attacker's RAM. */
const ATTACKER = 16 * 1024 * 1024;
const LOWER = 0.5;
const HIGHER = 1.5;
/** Costs of the VMM's doing, which a native run knows nothing of. */
const OF_VMM: ReadonlySet<CostName> = new Set([
  ...(["exit-entry", "exit-return", "exit-state", "exit-indirect", "mmio-exit", "interrupt-exit"] as const),
  ...(["interrupt-inject", "end-of-interrupt-trapped", "schedule", "world-switch", "hypercall"] as const),
  ...(["block-submit", "block-complete", "guest-buffer", "vmm-copy"] as const),
  ...(["frame-send", "frame-receive", "translate-service", "rewrite-command", "rewrite-address"] as const),
]);

/** One cost of all runs of an experiment times a factor. */
interface Change {
  readonly cost: CostName;
  readonly factor: number;
}

/** The same scenario with a quarter of its volumes. */
function quickened({ value, at }: Located<ScenarioFile>): Located<ScenarioFile> {
  const less = <T extends { total?: number | undefined }>(workload: T | undefined) =>
    workload?.total === undefined ? workload : { ...workload, total: workload.total / QUICK };
  const guests = value.guests.map((guest) => ({ ...guest, workload: less(guest.workload) }));
  return { value: { ...value, workload: less(value.workload), guests }, at };
}

/** Runs of scenarios, each done once. */
class Laboratory {
  private readonly scenarios = new Map<string, ResolvedScenario>();
  private readonly runs = new Map<string, Promise<Measured>>();

  constructor(
    private readonly options: ClaimsOptions,
    private readonly services: ClaimsServices,
  ) {}

  scenario(name: string): ResolvedScenario {
    let scenario = this.scenarios.get(name);
    if (!scenario) {
      const source = this.services.scenario(name);
      const refuse = (file: string, place: string): never => {
        throw new UserError(`${file} would have to be there`, place, "Claims use generated disks and the probe");
      };
      const file = this.options.quick ? quickened(source) : source;
      scenario = resolveScenario(file, { disk: refuse, kernel: refuse }, () => this.options.kernel);
      this.scenarios.set(name, scenario);
    }
    return scenario;
  }

  /** All runs of the uses, by scenario, in the order of its sweep. */
  async measure(uses: readonly Use[], change?: Change): Promise<Map<string, readonly Measured[]>> {
    const names = [...new Set(uses.map(({ scenario }) => scenario))];
    const measured = names.map(async (name) => {
      const wanted = uses.filter(({ scenario }) => scenario === name);
      const runs = this.scenario(name).runs.filter(({ values }) =>
        wanted.some(({ where = {} }) => fits(values, where)),
      );
      return [name, await Promise.all(runs.map((run) => this.once(name, run, change)))] as const;
    });
    return new Map(await Promise.all(measured));
  }

  private once(name: string, run: ScenarioRun, change?: Change): Promise<Measured> {
    const native = commonMode(run.guests[0].modes) === "native";
    const changed = change && !(native && OF_VMM.has(change.cost)) ? change : undefined;
    const key = [name, run.label, changed?.cost, changed?.factor].join("|");
    let measured = this.runs.get(key);
    if (!measured) {
      measured = this.carryOut(name, changed ? withChange(run, changed) : run);
      this.runs.set(key, measured);
    }
    return measured;
  }

  private async carryOut(name: string, run: ScenarioRun): Promise<Measured> {
    const { guests } = await runScenario(this.scenario(name), run, this.services);
    return { values: run.values, guests };
  }
}

function withChange(run: ScenarioRun, { cost, factor }: Change): ScenarioRun {
  const { costs, profile } = run.config;
  const value = new Costs(costs, profile).value(cost) * factor;
  return { ...run, config: { ...run.config, costs: { ...costs, [cost]: value } } };
}

/** Runs what the claims need, and judges them. */
export async function runClaims(options: ClaimsOptions, services: ClaimsServices): Promise<ClaimsReport> {
  const laboratory = new Laboratory(options, services);
  const { observer } = services;
  const watched = async <T>(name: string, work: Promise<T>): Promise<T> => {
    observer?.started?.(name);
    const done = await work;
    observer?.finished?.(name);
    return done;
  };
  const parts = options.claims.flatMap((claim) => claim.parts);
  const uses = parts.flatMap((part) => part.uses);
  const names = [...new Set(uses.map(({ scenario }) => scenario))];
  const hostile = [...new Set(parts.flatMap(({ attack: device }) => device ?? []))];
  const [attacks, ...measured] = await Promise.all([
    hostile.length > 0 ? watched("attack", attackAll(hostile, options, services)) : [],
    ...names.map((name) => watched(name, laboratory.measure(uses.filter(({ scenario }) => scenario === name)))),
  ]);
  const evidence = new Evidence(new Map(measured.flatMap((runs) => [...runs])), attacks);
  const judged = async (id: string, part: Part): Promise<PartReport> => {
    const { verdict, why, figures, charts = [] } = part.judge(evidence);
    const { device } = part;
    const sensitivity =
      part.sensitivity && options.sensitivity
        ? await watched(`${id} ${device}, other costs`, sensitivityOf(part, verdict, evidence, laboratory))
        : null;
    const experiments = experimentsOf(part);
    return { device, verdict, why, figures, charts, experiments, costs: part.sensitivity?.costs ?? [], sensitivity };
  };
  const claims = await Promise.all(
    options.claims.map(async ({ id, says, missing, parts: ofClaim }): Promise<ClaimReport> => {
      const reports = await Promise.all(ofClaim.map((part) => judged(id, part)));
      return { id, says, verdict: inAll(reports.map(({ verdict }) => verdict)), parts: reports, missing };
    }),
  );
  return {
    schema: "yado.claims/1",
    version: services.version,
    quick: options.quick,
    claims,
    experiments: names.map((name): ExperimentReport => {
      const { title, parameter = null } = laboratory.scenario(name);
      return { name, title, parameter, runs: evidence.all(name) };
    }),
    attacks,
    costs: new Costs().resolved(),
  };
}

function experimentsOf({ uses, attack: device }: Part): string[] {
  const names = [...new Set(uses.map(({ scenario }) => scenario))];
  return [
    ...names.map((name) => `yado run --scenario scenarios/claims/${name}.yaml`),
    ...(device ? [`yado attack --device ${device} --modes ${ATTACK_MODES.join(",")}`] : []),
  ];
}

async function attackAll(
  devices: readonly AttackDevice[],
  { kernel }: ClaimsOptions,
  { run, version }: ClaimsServices,
): Promise<readonly AttackCase[]> {
  const options = { kernel, devices, modes: ATTACK_MODES, targets: ATTACK_TARGETS, memory: ATTACKER, machine: {} };
  return (await attack(options, { run, version })).cases;
}

/** The verdict with each cost at half and at one and a half times its value, all else unchanged. */
async function sensitivityOf(
  part: Part,
  verdict: Verdict,
  evidence: Evidence,
  laboratory: Laboratory,
): Promise<SensitivityReport> {
  const { costs, uses } = part.sensitivity!;
  const judged = async (cost: CostName, factor: number) =>
    part.judge(evidence.with(await laboratory.measure(uses, { cost, factor }))).verdict;
  const parameters = await Promise.all(
    costs.map(async (cost) => {
      const [lower, higher] = await Promise.all([judged(cost, LOWER), judged(cost, HIGHER)]);
      return { cost, unit: PARAMETERS[cost].unit, lower, higher };
    }),
  );
  const flips = parameters.some(({ lower, higher }) => lower !== verdict || higher !== verdict);
  return { throughout: !flips, parameters };
}
