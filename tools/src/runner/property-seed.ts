// The seed from which a file's properties draw in `npm test`: always the same one, so that a checkout
// that passed here passes elsewhere. Fresh seeds are drawn by `npm run verify`, `npm run test:full`, and
// in great number by `npm run properties`.
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** By the file's name (FNV-1a), an integer of 31 bits; undefined where it asks no properties. */
export function propertySeedOf(name: string, source: string): number | undefined {
  if (!/from 'fast-check'/.test(source)) return undefined;
  let hash = FNV_OFFSET;
  for (let index = 0; index < name.length; index += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(index), FNV_PRIME);
  }
  return hash >>> 1;
}
