// What a first call downloads, against its budget. `npm run size`

import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { brotliCompressSync, constants } from 'node:zlib'
import { build, DIST } from './build.mjs'
import { Obstacle, telling } from './step.mjs'

/** The most that a first call in one language may download, brotli-compressed, before the voice detector; where it is built is worth some 80 bytes. */
export const BUDGET_BYTES = 61_000

/** The same with what comes in a call: the voice detector once somebody answers, the card once a tool needs the person's word. */
export const WHOLE_BUDGET_BYTES = 100_000

/** Every file of the page with its size as it is and as it travels, the largest first. */
export async function sizes(folder = DIST) {
  const found = await readdir(folder, { withFileTypes: true, recursive: true })
  const paths = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name))
  const measured = await Promise.all(paths.filter(isDownloaded).map(async (path) => {
    const bytes = await readFile(path)
    return { name: relative(folder, path), bytes: bytes.length, brotli: squeeze(bytes) }
  }))
  return measured.sort((a, b) => b.brotli - a.brotli)
}

/** The bytes that travel, all files together. */
export const total = (measured) => measured.reduce((sum, { brotli }) => sum + brotli, 0)

/** The files without which no call begins: all but the detector, and the card that a tool brings. */
export const first = (measured) => measured.filter(({ name }) => !/^(vivavoce_vad|question)\./.test(name))

/** Maps for debuggers are asked for by nobody but developers. */
function isDownloaded(path) {
  return !path.endsWith('.map') && !path.endsWith('.LICENSE.txt')
}

/** How many bytes travel of some. */
export function squeeze(bytes) {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants
  return brotliCompressSync(bytes, { params: { [BROTLI_PARAM_QUALITY]: 11, [BROTLI_PARAM_SIZE_HINT]: bytes.length } }).length
}

async function main() {
  await build()
  const measured = await sizes()
  const [sum, whole] = [total(first(measured)), total(measured)]
  console.log(`\n${'bytes'.padStart(9)} ${'brotli'.padStart(9)}`)
  for (const { name, bytes, brotli } of measured) console.log(`${pad(bytes)} ${pad(brotli)}  ${name}`)
  console.log(`${''.padStart(9)} ${pad(sum)}  before a call begins, of ${BUDGET_BYTES} allowed`)
  console.log(`${''.padStart(9)} ${pad(whole)}  together, of ${WHOLE_BUDGET_BYTES} allowed`)
  const excess = Math.max(sum - BUDGET_BYTES, whole - WHOLE_BUDGET_BYTES)
  if (excess > 0) throw new Obstacle(`A first call downloads ${excess} bytes more than allowed.`)
}

const pad = (number) => String(number).padStart(9)

if (import.meta.url === pathToFileURL(process.argv[1]).href) await telling(main)
