// The little that the Tint check must read out of a kernel's text.

/** The features of WebGPU behind WGSL's `enable` names. */
const FEATURES = {
  f16: 'shader-f16',
  subgroups: 'subgroups',
  clip_distances: 'clip-distances',
  dual_source_blending: 'dual-source-blending',
};

/** The text without line comments and (nested) block comments, each left as one space. */
export function withoutComments(code) {
  let kept = '';
  let depth = 0;
  for (let at = 0; at < code.length; at++) {
    const pair = code.slice(at, at + 2);
    if (pair === '/*') {
      depth += 1;
      at += 1;
    } else if (depth > 0 && pair === '*/') {
      depth -= 1;
      at += 1;
      kept += ' ';
    } else if (depth === 0 && pair === '//') {
      const end = code.indexOf('\n', at);
      at = end < 0 ? code.length : end;
      kept += '\n';
    } else if (depth === 0) {
      kept += code[at];
    }
  }
  return kept;
}

/** The overrides a pipeline must be given, by the name WebGPU wants: the number of `@id`, else the identifier. */
export function overridesWithoutDefault(code) {
  const declaration = /(?:@id\s*\(\s*(\d+)\s*\)\s*)?\boverride\s+([\p{L}_][\p{L}\p{N}_]*)([^;]*);/gu;
  return [...withoutComments(code).matchAll(declaration)]
    .filter(([, , , rest]) => !rest.includes('='))
    .map(([, id, name]) => id ?? name);
}

/** The WebGPU features that the kernel's `enable` directives ask for. */
export function enabledFeatures(code) {
  const names = [...withoutComments(code).matchAll(/\benable\s+([^;]+);/g)].flatMap(([, list]) =>
    list.split(',').map((name) => name.trim()),
  );
  return names.map((name) => FEATURES[name] ?? name).sort();
}
