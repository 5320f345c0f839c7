// The part of the WebAssembly JavaScript interface that vxlane uses. @types/node 20 does not declare it, and the
// DOM library, which does, would let browser names slip into the rest.

declare namespace WebAssembly {
  interface Memory {
    readonly buffer: SharedArrayBuffer;
  }
  interface Module {
    readonly [Symbol.toStringTag]: string;
  }
  interface Instance {
    readonly exports: Readonly<Record<string, unknown>>;
  }
  interface ExternDescriptor {
    readonly module?: string;
    readonly name: string;
    readonly kind: "function" | "table" | "memory" | "global" | "tag";
  }
  const Memory: new (descriptor: { initial: number; maximum: number; shared: true }) => Memory;
  const Module: {
    exports(module: Module): ExternDescriptor[];
    imports(module: Module): ExternDescriptor[];
    customSections(module: Module, name: string): ArrayBuffer[];
  };
  function compile(bytes: Uint8Array): Promise<Module>;
  function instantiate(module: Module, imports: Record<string, Record<string, unknown>>): Promise<Instance>;
}
