// RAM in the physical map: where a physical address lies in this memory.
import { RAM, RAM_SIZE, RAM_START } from "../layout";

/** Address in this memory of the `length` bytes at physical address `pa`, or 0 when any of them is outside RAM. */
// @ts-ignore: decorator
@inline
export function ramAddress(pa: u64, length: u32): u32 {
  const offset = pa - <u64>RAM_START;
  const size = load<u64>(RAM_SIZE);
  return offset < size && offset + <u64>length <= size ? <u32>offset + RAM : 0;
}
