// A component in AssemblyScript, as a plain module: forwards a value only when it differs from the one before it.
//
// It speaks the guest ABI of wasm_host/quickjs/symbia.h. Everything lies in static memory, so nothing is allocated.
// What it remembers is a cache and no state: an instance that replaces a broken one forwards its first value.

const CAPACITY: u32 = 1 << 20;
const input = memory.data(CAPACITY + 64);
const last = memory.data(CAPACITY);
const output = memory.data(CAPACITY);
const status = memory.data(16); // output address, its length, closed messages, fault

const NOTHING: u8 = 0;
const FORWARD: u8 = 2;
const CLOSES: u8 = 1;

let lastLength: i32 = -1;

function begin(): void {
  store<u32>(status, output as u32, 0);
  store<u32>(status, 0, 4);
  store<u32>(status, 0, 8);
}

// A record of eight bytes: kind, flags, port, length of the payload, which there is none of.
function close(kind: u8): void {
  const length = load<u32>(status, 4);
  store<u64>(output + length, (kind as u64) | ((CLOSES as u64) << 8));
  store<u32>(status, length + 8, 4);
  store<u32>(status, load<u32>(status, 8) + 1, 8);
}

export function symbia_abi(): i32 {
  return 1;
}

export function symbia_status(): u32 {
  return status as u32;
}

export function symbia_input(capacity: u32): u32 {
  return capacity <= CAPACITY ? (input as u32) : 0;
}

export function symbia_open(length: u32): i32 {
  begin();
  close(NOTHING);
  return 0;
}

export function symbia_process(length: u32): i32 {
  begin();
  const count = load<u32>(input);
  const lengths = input + 12 + count * 4; // behind the count, the time and the ports
  let value = lengths + count * 4;
  for (let message: u32 = 0; message < count; message++) {
    const size = load<u32>(lengths + message * 4);
    const same = (size as i32) == lastLength && memory.compare(value, last, size) == 0;
    if (!same) {
      memory.copy(last, value, size);
      lastLength = size as i32;
    }
    close(same ? NOTHING : FORWARD);
    value += size;
  }
  return 0;
}

export function symbia_close(): i32 {
  begin();
  return 0;
}
