/** As much of WebAssembly as structure.ts uses; the library that declares it all declares a browser as well. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array)
  }
  class Instance {
    constructor(module: Module)
    readonly exports: Record<string, unknown>
  }
  type Memory = { readonly buffer: ArrayBuffer }
  type Global<T extends 'i32' | 'i64'> = { value: T extends 'i32' ? number : bigint }
}
