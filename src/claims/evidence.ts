// What the experiments found, as judges ask for it.
import type { GuestReport } from "../metrics/report.js";
import type { AttackCase } from "../scenario/attack.js";

/** One run of a scenario: its values in the sweep, and its guests. */
export interface Measured {
  readonly values: Readonly<Record<string, string>>;
  readonly guests: readonly GuestReport[];
}

/** Sweep parameter → a value, or several. */
export type Where = Readonly<Record<string, string | readonly string[]>>;

export function fits(values: Measured["values"], where: Where): boolean {
  return Object.entries(where).every(([parameter, wanted]) =>
    typeof wanted === "string" ? values[parameter] === wanted : wanted.includes(values[parameter]),
  );
}

export class Evidence {
  /** @param runs by the scenario's name */
  constructor(
    private readonly runs: ReadonlyMap<string, readonly Measured[]>,
    private readonly attacks: readonly AttackCase[] = [],
  ) {}

  /** The same, with these runs in place of those with the same values; the scenarios' other runs stay. */
  with(runs: ReadonlyMap<string, readonly Measured[]>): Evidence {
    const replaced = [...runs].map(([name, again]) => {
      const instead = (one: Measured) => again.find(({ values }) => fits(values, one.values)) ?? one;
      return [name, (this.runs.get(name) ?? []).map(instead)] as const;
    });
    return new Evidence(new Map([...this.runs, ...replaced]), this.attacks);
  }

  all(scenario: string, where: Where = {}): readonly Measured[] {
    return (this.runs.get(scenario) ?? []).filter(({ values }) => fits(values, where));
  }

  /** All guests of the one run that fits. */
  guests(scenario: string, where: Where = {}): readonly GuestReport[] {
    const [found, ...more] = this.all(scenario, where);
    if (!found || more.length > 0) {
      throw new Error(`${more.length + Number(Boolean(found))} runs of ${scenario} with ${JSON.stringify(where)}`);
    }
    return found.guests;
  }

  /** The first guest of the one run that fits. */
  guest(scenario: string, where: Where = {}): GuestReport {
    return this.guests(scenario, where)[0];
  }

  /** The cases of a hostile driver of `device`. */
  attacksOf(device: AttackCase["device"]): readonly AttackCase[] {
    return this.attacks.filter((one) => one.device === device);
  }

  /** The values of a sweep's parameter, in its order. */
  values(scenario: string, parameter: string): readonly string[] {
    return [...new Set(this.all(scenario).map(({ values }) => values[parameter]))];
  }
}
