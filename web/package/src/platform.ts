/**
 * What a global class of the platform makes, `Instance<"Blob">` for one; nothing where a project's types do not know that class,
 * as those of Node know no canvas. The declarations that users compile name such classes in this way only.
 */
export type Instance<Name extends string> = typeof globalThis extends Record<Name, { prototype: infer Type }> ? Type : never;
