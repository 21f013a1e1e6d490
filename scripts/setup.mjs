// Brings what is missing on this machine, quickly when nothing is. `node scripts/setup.mjs [--tests]`

import { pathToFileURL } from 'node:url'
import { Obstacle, telling } from './step.mjs'
import { browsers, compiler } from './system.mjs'
import { geckodriver, npmPackages, rustToolchain, wasmBindgen, wasmPack } from './tools.mjs'

/** Makes sure of all that building and running needs, and with `tests` of all that testing needs. */
export async function setup({ tests = false } = {}) {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    throw new Obstacle(`Node 20 or newer is needed, and this is ${process.version}: see https://nodejs.org.`)
  }
  await (tests ? browsers() : compiler())
  await npmPackages()
  await rustToolchain()
  await wasmBindgen()
  if (!tests) return
  await wasmPack()
  await geckodriver()
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await telling(() => setup({ tests: process.argv.includes('--tests') }))
}
