// What is compiled or fetched for the project itself: npm packages, the Rust toolchain, the wasm tools.

import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask, find, npm, ROOT, run, TOOLS } from './child.mjs'
import { Obstacle, step } from './step.mjs'

/** Everything in node_modules as package-lock.json says. */
export async function npmPackages() {
  const lock = join(ROOT, 'package-lock.json')
  const stamp = join(ROOT, 'node_modules', '.vivavoce-stamp')
  const wanted = createHash('sha256').update(readFileSync(lock)).update(process.version).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  await step('npm packages', async tell => {
    await npm(['ci', '--no-audit', '--no-fund'], { onLine: tell })
    writeFileSync(stamp, wanted)
  })
}

/** The Rust of rust-toolchain.toml with its wasm target. */
export async function rustToolchain() {
  if (!find('cargo')) {
    throw new Obstacle('Rust is missing: install rustup as https://rustup.rs says, then run this again.')
  }
  const wanted = readFileSync(join(ROOT, 'rust-toolchain.toml'), 'utf8')
  const channel = wanted.match(/^channel *= *"(.+)"/m)[1]
  if (!find('rustup')) return plainRust(channel)
  const folder = ask('rustup', 'run', channel, 'rustc', '--print', 'target-libdir', '--target', WASM)
  if (folder && existsSync(folder)) return
  await step(`Rust ${channel} with its WebAssembly target`, tell => run('rustup',
    ['toolchain', 'install', channel, '--profile', 'minimal', '-c', 'rustfmt', '-c', 'clippy', '-t', WASM],
    { onLine: tell }))
}

/** wasm-bindgen, exactly as old as the crate of that name in Cargo.lock. */
export async function wasmBindgen() {
  const lock = readFileSync(join(ROOT, 'Cargo.lock'), 'utf8')
  const version = lock.match(/name = "wasm-bindgen"\nversion = "(.+)"/)?.[1]
  if (version) await compiled('wasm-bindgen', 'wasm-bindgen-cli', version)
}

/** What drives `wasm-pack test`. */
export const wasmPack = () => compiled('wasm-pack', 'wasm-pack', '0.15.1')

/** The WebDriver of Firefox, which no distribution packages. */
export const geckodriver = () => compiled('geckodriver', 'geckodriver', '0.37.1')

/** What looks at licences, sources and advisories of all crates. */
export const cargoDeny = () => compiled('cargo-deny', 'cargo-deny', '0.20.2')

/** A Rust that came without rustup: good if it is new enough and knows the wasm target. */
function plainRust(channel) {
  const version = ask('rustc', '--version')?.match(/\d+\.\d+/)?.[0] ?? 'unknown'
  const folder = ask('rustc', '--print', 'target-libdir', '--target', WASM)
  const [, minor] = version.split('.').map(Number)
  const [, wanted] = channel.split('.').map(Number)
  if (minor >= wanted && folder && existsSync(folder)) return
  throw new Obstacle(`Rust ${channel} with the target ${WASM} is needed, and rustc ${version} without rustup is here: ` +
    'install rustup as https://rustup.rs says, then run this again.')
}

/** A program of one exact version from crates.io, in `.tools/bin` unless the PATH has it. */
async function compiled(program, crate, version) {
  const found = ask(program, '--version')?.match(/\d+\.\d+\.\d+/)?.[0]
  if (found === version) return
  await step(`${program} ${version}, compiled once, takes a few minutes`, async tell => {
    const install = (...how) => run('cargo',
      ['install', crate, '--version', version, ...how, '--force', '--root', TOOLS],
      { env: { CARGO_TARGET_DIR: join(TOOLS, 'build'), ...HASTY }, onLine: tell })
    try {
      await install('--locked')
    } catch (error) {
      // A lock file can name a release that was yanked since, or that a mirror has not got yet.
      if (!error.output.includes('failed to select a version')) throw error
      await install()
    }
  })
}

const WASM = 'wasm32-unknown-unknown'

// These programs run for seconds; they need to be there soon more than they need to be fast.
const HASTY = {
  CARGO_PROFILE_RELEASE_OPT_LEVEL: '1',
  CARGO_PROFILE_RELEASE_LTO: 'off',
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
  CARGO_PROFILE_RELEASE_DEBUG: '0',
  CARGO_PROFILE_RELEASE_PANIC: 'unwind',
}
