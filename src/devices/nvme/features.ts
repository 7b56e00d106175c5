// NVM Express Base Specification 1.4, "Set Features command", "Get Features command", "Feature Values". No feature is
// saveable, so the saved value is the default.
import { ARBITRATION_BURST, NAMESPACE, WARNING_TEMPERATURE_KELVINS } from "./identify.js";
import type { NvmeConfig } from "./parameters.js";
import { Status } from "./status.js";

export const enum FeatureId {
  Arbitration = 0x01,
  PowerManagement = 0x02,
  TemperatureThreshold = 0x04,
  ErrorRecovery = 0x05,
  VolatileWriteCache = 0x06,
  NumberOfQueues = 0x07,
  InterruptCoalescing = 0x08,
  InterruptVectorConfiguration = 0x09,
  WriteAtomicityNormal = 0x0a,
  AsynchronousEventConfiguration = 0x0b,
}

export const enum Select {
  Current = 0,
  Default = 1,
  Saved = 2,
  Capabilities = 3,
}

const CAPABILITY_NAMESPACE_SPECIFIC = 1 << 1;
const CAPABILITY_CHANGEABLE = 1 << 2;

interface Feature {
  initial: number;
  /** Bits that are kept of what the host writes. */
  mask: number;
  legal?: (value: number) => boolean;
  namespaceSpecific?: boolean;
}

/** A number of the error recovery feature: Deallocated or Unwritten Logical Block Error Enable, not supported. */
const DULBE = 1 << 16;
const IV = 0xffff;
const CD = 1 << 16;

function table(config: NvmeConfig, vectors: () => number): Map<number, Feature> {
  const queues = config.ioQueues - 1;
  const features = new Map<number, Feature>([
    [FeatureId.Arbitration, { initial: ARBITRATION_BURST, mask: 0xffff_ff07 }],
    [FeatureId.PowerManagement, { initial: 0, mask: 0xe0, legal: (value) => (value & 0x1f) === 0 }],
    [FeatureId.TemperatureThreshold, { initial: WARNING_TEMPERATURE_KELVINS, mask: 0xffff, legal: isThreshold }],
    [
      FeatureId.ErrorRecovery,
      { initial: 0, mask: 0xffff, legal: (value) => (value & DULBE) === 0, namespaceSpecific: true },
    ],
    [FeatureId.NumberOfQueues, { initial: queues | (queues << 16), mask: 0, legal: isQueueCount }],
    [FeatureId.InterruptCoalescing, { initial: 0, mask: 0xffff }],
    [FeatureId.InterruptVectorConfiguration, { initial: 0, mask: CD | IV, legal: (value) => (value & IV) < vectors() }],
    [FeatureId.WriteAtomicityNormal, { initial: 0, mask: 1 }],
    [FeatureId.AsynchronousEventConfiguration, { initial: 0, mask: 0xff }],
  ]);
  if (config.volatileWriteCache) features.set(FeatureId.VolatileWriteCache, { initial: 1, mask: 1 });
  return features;
}

/** TMPSEL composite (or all, in Set Features), THSEL over or under. */
function isThreshold(value: number): boolean {
  const sensor = (value >>> 16) & 0xf;
  return (sensor === 0 || sensor === 0xf) && ((value >>> 20) & 3) <= 1;
}

function isQueueCount(value: number): boolean {
  return (value & 0xffff) !== 0xffff && value >>> 16 !== 0xffff;
}

const isUnder = (value: number) => ((value >>> 20) & 3) === 1;

/** Values of the features, by identifier. */
export class Features {
  private readonly table: Map<number, Feature>;
  private readonly current = new Map<number, number>();
  private under = 0;
  /** Interrupt vector configuration of each vector that has been set. */
  private readonly byVector = new Map<number, number>();

  /** @param vectors interrupt vectors that there are at the time */
  constructor(config: NvmeConfig, vectors: () => number) {
    this.table = table(config, vectors);
    this.reset();
  }

  reset(): void {
    for (const [id, { initial }] of this.table) this.current.set(id, initial);
    this.under = 0;
    this.byVector.clear();
  }

  /** Interrupt vector configuration: CD of a vector, and its number. */
  vectorConfiguration(vector: number): number {
    return this.byVector.get(vector) ?? vector;
  }

  value(id: FeatureId): number {
    return this.current.get(id) ?? 0;
  }

  /** Kelvins below and above which the composite temperature is a warning. */
  get thresholds(): { under: number; over: number } {
    return { under: this.under, over: this.value(FeatureId.TemperatureThreshold) };
  }

  get(id: number, select: number, nsid: number, cdw11: number): { status: Status; result: number } {
    const feature = this.table.get(id);
    if (!feature || select > Select.Capabilities) return { status: Status.InvalidFieldInCommand, result: 0 };
    if (feature.namespaceSpecific && nsid !== NAMESPACE) return { status: Status.InvalidNamespaceOrFormat, result: 0 };
    if (select === Select.Capabilities) {
      const specific = feature.namespaceSpecific ? CAPABILITY_NAMESPACE_SPECIFIC : 0;
      return { status: Status.Success, result: CAPABILITY_CHANGEABLE | specific };
    }
    const byInput = id === FeatureId.TemperatureThreshold || id === FeatureId.InterruptVectorConfiguration;
    if (byInput && !feature.legal?.(cdw11)) return { status: Status.InvalidFieldInCommand, result: 0 };
    const under = id === FeatureId.TemperatureThreshold && isUnder(cdw11);
    if (id === FeatureId.InterruptVectorConfiguration) {
      const vector = cdw11 & IV;
      return { status: Status.Success, result: select === Select.Current ? this.vectorConfiguration(vector) : vector };
    }
    const value = select === Select.Current ? (under ? this.under : this.value(id)) : under ? 0 : feature.initial;
    return { status: Status.Success, result: value };
  }

  set(id: number, save: boolean, nsid: number, cdw11: number): Status {
    const feature = this.table.get(id);
    if (!feature) return Status.InvalidFieldInCommand;
    if (save) return Status.FeatureIdentifierNotSaveable;
    const broadcast = nsid === 0xffff_ffff;
    if (feature.namespaceSpecific) {
      if (nsid !== NAMESPACE && !broadcast) return Status.InvalidNamespaceOrFormat;
    } else if (nsid !== 0 && !broadcast) {
      return nsid === NAMESPACE ? Status.FeatureNotNamespaceSpecific : Status.InvalidNamespaceOrFormat;
    }
    if (feature.legal && !feature.legal(cdw11)) return Status.InvalidFieldInCommand;
    if (id === FeatureId.NumberOfQueues) return Status.Success;
    const value = (cdw11 & feature.mask) >>> 0;
    if (id === FeatureId.InterruptVectorConfiguration) {
      this.byVector.set(cdw11 & IV, value);
      return Status.Success;
    }
    if (id === FeatureId.TemperatureThreshold && isUnder(cdw11)) this.under = value;
    else this.current.set(id, value);
    return Status.Success;
  }
}
