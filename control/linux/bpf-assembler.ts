// eBPF programs as lists of readable instructions: what this file returns is what bpf(2) loads. Jumps go to labels, and
// every register, width and condition has a name, so that a program reads like the packet's way through it.
//
// An instruction is 8 bytes; the load of a 64-bit constant takes two of them. Offsets of jumps count instructions from
// the one behind the jump.
//
//   0 opcode | 1 destination (low 4 bits), source (high 4) | 2 offset (2) | 4 immediate (4)

/* From linux/bpf_common.h and linux/bpf.h: instruction classes, sources, operations */

const CLASS_LD = 0x00;
const CLASS_LDX = 0x01;
const CLASS_ST = 0x02;
const CLASS_STX = 0x03;
const CLASS_ALU = 0x04;
const CLASS_JMP = 0x05;
const CLASS_JMP32 = 0x06;
const CLASS_ALU64 = 0x07;
const MODE_IMM = 0x00;
const MODE_MEM = 0x60;
const SOURCE_IMMEDIATE = 0x00;
const SOURCE_REGISTER = 0x08;
const PSEUDO_MAP_FD = 1;
const END_BE = 0xd0 | SOURCE_REGISTER; // to wire order
const JUMP_ALWAYS = 0x00;
const CALL = 0x80;
const EXIT = 0x90;

const WIDTHS = { 8: 0x10, 16: 0x08, 32: 0x00, 64: 0x18 } as const;
const OPERATIONS = { add: 0x00, sub: 0x10, or: 0x40, and: 0x50, lsh: 0x60, rsh: 0x70, xor: 0xa0, mov: 0xb0 } as const;
const CONDITIONS = {
  "==": 0x10,
  ">": 0x20,
  ">=": 0x30,
  "&": 0x40,
  "!=": 0x50,
  "<": 0xa0,
  "<=": 0xb0,
} as const;

const INSTRUCTION_SIZE = 8;
const OFFSET = 2;
const IMMEDIATE = 4;

/** A register: R0 results, R1 to R5 arguments (a call spoils R0 to R5), R6 to R9 kept, R10 end of the stack (read only). */
export interface Register {
  readonly number: number;
}

export const [R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10] = Array.from(
  { length: 11 },
  (_, number): Register => ({
    number,
  }),
);

/** Bits of a load or store. */
export type Width = keyof typeof WIDTHS;
export type Operation = keyof typeof OPERATIONS;
/** Of unsigned numbers; `&`: any bit in common. */
export type Condition = keyof typeof CONDITIONS;
/** A register, or an immediate of 32 bits. */
export type Operand = Register | number;

interface Code {
  readonly opcode: number;
  readonly to?: Register;
  readonly from?: Register | typeof PSEUDO_MAP_FD;
  readonly offset?: number;
  readonly target?: string;
  readonly immediate?: number;
}

/** One line of a program: an instruction of one or two slots, or a label, which takes none. */
export type Line = { readonly label: string } | { readonly codes: readonly Code[] };

const line = (...codes: Code[]): Line => ({ codes });
const isRegister = (operand: Operand): operand is Register => typeof operand !== "number";
const operandOf = (operand: Operand) =>
  isRegister(operand) ? { source: SOURCE_REGISTER, from: operand } : { source: SOURCE_IMMEDIATE, immediate: operand };

/** A place to jump to. */
export const label = (name: string): Line => ({ label: name });

/** `to = to <operation> operand`, in 64 bits; `alu("mov", …)` copies. An immediate is extended by its sign. */
export function alu(operation: Operation, to: Register, operand: Operand): Line {
  const { source, ...rest } = operandOf(operand);
  return line({ opcode: CLASS_ALU64 | OPERATIONS[operation] | source, to, ...rest });
}

export const move = (to: Register, operand: Operand): Line => alu("mov", to, operand);
export const add = (to: Register, operand: Operand): Line => alu("add", to, operand);

/** Turns the low bits of a register from host to wire order or back; the others become zero. */
export const toWireOrder = (bits: 16 | 32 | 64, to: Register): Line =>
  line({ opcode: CLASS_ALU | END_BE, to, immediate: bits });

/** `to = *(width*)(base + offset)`, as it lies in memory: wire order stays wire order. */
export const load = (width: Width, to: Register, base: Register, offset: number): Line =>
  line({ opcode: CLASS_LDX | MODE_MEM | WIDTHS[width], to, from: base, offset });

/** `*(width*)(base + offset) = operand`. */
export const store = (width: Width, base: Register, offset: number, operand: Operand): Line =>
  isRegister(operand)
    ? line({ opcode: CLASS_STX | MODE_MEM | WIDTHS[width], to: base, from: operand, offset })
    : line({ opcode: CLASS_ST | MODE_MEM | WIDTHS[width], to: base, offset, immediate: operand });

/** The map of that descriptor, as an argument of a helper. */
export const loadMap = (to: Register, mapFd: number): Line =>
  line({ opcode: CLASS_LD | MODE_IMM | WIDTHS[64], to, from: PSEUDO_MAP_FD, immediate: mapFd }, { opcode: 0 });

export const jump = (target: string): Line => line({ opcode: CLASS_JMP | JUMP_ALWAYS, target });

/** Jumps if `left <condition> right` in 64 bits; an immediate is extended by its sign. */
export function jumpIf(left: Register, condition: Condition, right: Operand, target: string): Line {
  const { source, ...rest } = operandOf(right);
  return line({ opcode: CLASS_JMP | CONDITIONS[condition] | source, to: left, ...rest, target });
}

/** The same of the low 32 bits: for immediates above 2^31, such as addresses. */
export function jumpIf32(left: Register, condition: Condition, right: Operand, target: string): Line {
  const { source, ...rest } = operandOf(right);
  return line({ opcode: CLASS_JMP32 | CONDITIONS[condition] | source, to: left, ...rest, target });
}

/** R0 = helper(R1, …); the BPF_FUNC_* number. */
export const call = (helper: number): Line => line({ opcode: CLASS_JMP | CALL, immediate: helper });

/** Returns R0. */
export const exit = (): Line => line({ opcode: CLASS_JMP | EXIT });

/** The bytes that bpf(2) takes. @throws RangeError for a label that is missing or there twice */
export function assemble(program: readonly Line[]): Buffer {
  const labels = new Map<string, number>();
  let count = 0;
  for (const entry of program) {
    if ("codes" in entry) count += entry.codes.length;
    else if (labels.has(entry.label)) throw new RangeError(`the label ${entry.label} is there twice`);
    else labels.set(entry.label, count);
  }
  const bytes = Buffer.alloc(count * INSTRUCTION_SIZE);
  let index = 0;
  for (const entry of program) {
    if (!("codes" in entry)) continue;
    for (const code of entry.codes) write(bytes, index++, code, labels);
  }
  return bytes;
}

function write(bytes: Buffer, index: number, code: Code, labels: ReadonlyMap<string, number>): void {
  const at = index * INSTRUCTION_SIZE;
  const from = typeof code.from === "number" ? code.from : (code.from?.number ?? 0);
  bytes[at] = code.opcode;
  bytes[at + 1] = (from << 4) | (code.to?.number ?? 0);
  bytes.writeInt16LE(
    code.target === undefined ? (code.offset ?? 0) : distance(code.target, index, labels),
    at + OFFSET,
  );
  bytes.writeInt32LE((code.immediate ?? 0) | 0, at + IMMEDIATE);
}

function distance(target: string, index: number, labels: ReadonlyMap<string, number>): number {
  const to = labels.get(target);
  if (to === undefined) throw new RangeError(`there is no label ${target}`);
  return to - index - 1;
}
