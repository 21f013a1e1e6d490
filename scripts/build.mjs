// Compiles the WebAssembly into pkg/ and the page into dist/. `npm run build`; VIVAVOCE_URL names the proxy.

import { createHash } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CommandError, ROOT, run } from './child.mjs'
import { setup } from './setup.mjs'
import { step, telling } from './step.mjs'

/** Where the compiled WebAssembly and its glue lie, for the bundler and for the npm package. */
export const PKG = join(ROOT, 'pkg')

/** Where the page lies. */
export const DIST = join(ROOT, 'dist')

/** Builds all of it; what has not changed since the last time is left as it is. */
export async function build() {
  await setup()
  await compile()
  await bundle()
}

/** Compiles the modules into pkg/. */
export async function compile() {
  await mkdir(PKG, { recursive: true })
  const folder = await targetFolder()
  await cargo('vivavoce', 'wasm')
  await bind(join(folder, 'wasm', 'vivavoce.wasm'))
  await cargo('vivavoce-worklet', 'worklet')
  await polish('worklet', join(folder, 'worklet', 'vivavoce_worklet.wasm'))
  await cargo('vivavoce-vad', 'worklet', SIMD)
  await polish('vad', join(folder, 'worklet', 'vivavoce_vad.wasm'))
}

/** Bundles the page and what lies in pkg/ into dist/. */
export async function bundle() {
  const inputs = [...await files('www'), ...await files('src/js'), ...await files('pkg'), 'webpack.config.js', 'package-lock.json']
  await unlessDone('page', DIST, inputs.map((name) => join(ROOT, name)), process.env.VIVAVOCE_URL, () => step('the page', pack))
}

/** The page's module and its glue. */
function bind(module) {
  const optimised = join(PKG, 'vivavoce_bg.wasm')
  return unlessDone('main', optimised, [module, join(ROOT, 'Cargo.lock')], '', () => step('wasm-bindgen and wasm-opt', async () => {
    await run('wasm-bindgen', [module, '--out-dir', PKG, ...GLUE])
    await silence(optimised)
    await optimise(['-Oz', '--converge', ...ZEROS], optimised, optimised)
    const told = await optimise(['--minify-imports-and-exports-and-modules', ...STRIP], optimised, optimised)
    await shorten(join(PKG, 'vivavoce.js'), JSON.parse(told.slice(told.indexOf('{'), told.lastIndexOf('}') + 1)))
  }))
}

/**
 * Lets panics trap without a word. On this target nobody reads what they say, and saying it weighs 2.5 kB; the trap
 * that follows it is the same.
 */
async function silence(path) {
  const { default: binaryen } = await import('binaryen')
  const module = binaryen.readBinary(await readFile(path))
  let silenced = 0
  for (let index = 0; index < module.getNumFunctions(); index++) {
    const found = module.getFunctionByIndex(index)
    if (!PANICS.test(binaryen.getFunctionInfo(found).name.replace(/\[[0-9a-f]+\]/g, ''))) continue
    binaryen.Function(found).body = module.unreachable()
    silenced++
  }
  if (silenced === 0) throw new CommandError('binaryen', 'found no panics: their names are others now', '')
  await writeFile(path, module.emitBinary())
  module.dispose()
}

/** Makes the glue call by the short names that wasm-opt gave: wasm-bindgen's, with their hashes, weigh 1.6 kB. */
async function shorten(path, { imports, exports }) {
  const names = new Map([...imports.map(([, name, short]) => [name, short]), ...exports])
  const [[module]] = imports
  const glue = (await readFile(path, 'utf8'))
    .replace(/(?<=\bwasm\.)\w+|\w+(?=: function)/g, (name) => names.get(name) ?? name)
    .replace(`"${module}": `, '"a": ')
  const forgotten = [module, ...imports.map(([, name]) => name)].find((name) => glue.includes(name))
  if (forgotten) throw new CommandError('wasm-bindgen', `made glue of another shape: ${forgotten} was not found where it is looked for`, '')
  await writeFile(path, glue)
}

/** A module that has no glue: the audio thread's, the detector's. */
function polish(name, module) {
  const optimised = join(PKG, `vivavoce_${name}.wasm`)
  return unlessDone(name, optimised, [module], '', async () => {
    await copyFile(module, optimised)
    await optimise(['-O3', ...ZEROS, ...STRIP], optimised, optimised)
  })
}

function cargo(crate, profile, flags) {
  const how = ['build', '--locked', '--target', WASM, '--profile', profile, '-p', crate]
  return step(`${crate} as WebAssembly`, (tell) => run('cargo', how, { onLine: tell, env: { RUSTFLAGS: nameless(flags) } }))
}

/** Flags that keep the folders of this machine out of what is built, and out of what a page downloads. */
function nameless(more) {
  const home = process.env.CARGO_HOME ?? join(homedir(), '.cargo')
  return [process.env.RUSTFLAGS, more, `--remap-path-prefix=${home}=cargo`, `--remap-path-prefix=${ROOT}=.`].filter(Boolean).join(' ')
}

function optimise(passes, from, to) {
  const tool = join(ROOT, 'node_modules', 'binaryen', 'bin', 'wasm-opt')
  return run(process.execPath, [tool, ...passes, '-o', to, from])
}

async function targetFolder() {
  const told = await run('cargo', ['metadata', '--no-deps', '--offline', '--format-version', '1'])
  const { target_directory: folder } = JSON.parse(told.slice(told.indexOf('{"packages"')))
  return join(folder, WASM)
}

async function pack() {
  // Only here: setup may just have installed it.
  const { default: webpack } = await import('webpack')
  const { default: config } = await import('../webpack.config.js')
  const stats = await new Promise((resolve, reject) => {
    const compiler = webpack(config({}, {}))
    compiler.run((error, result) => compiler.close(() => (error ? reject(error) : resolve(result))))
  })
  const said = stats.toString({ preset: 'errors-warnings', colors: false })
  if (stats.hasErrors()) throw new CommandError('webpack', 'found errors', said)
  if (stats.hasWarnings()) console.log(said)
}

/** Does `work`, which makes `output`, unless it was done with exactly these inputs and the output is still there. */
async function unlessDone(name, output, inputs, setting, work) {
  const stamp = join(PKG, `.${name}-stamp`)
  const wanted = await digest([...inputs, join(ROOT, 'scripts', 'build.mjs')], setting)
  const isThere = await readdir(output).then((found) => found.length > 0, (error) => error.code === 'ENOTDIR')
  if (isThere && await readFile(stamp, 'utf8').catch(() => '') === wanted) return
  await writeFile(stamp, '')
  await work()
  await writeFile(stamp, wanted)
}

async function digest(paths, setting = '') {
  const hash = createHash('sha256').update(setting)
  for (const path of paths) hash.update(`\n${relative(ROOT, path)}\n`).update(await readFile(path))
  return hash.digest('hex')
}

/** The files under a folder, as paths from the root; hidden ones are not meant. */
async function files(folder) {
  const found = await readdir(join(ROOT, folder), { withFileTypes: true, recursive: true })
  const isMeant = (entry) => entry.isFile() && !entry.name.startsWith('.')
  return found.filter(isMeant).map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name))).sort()
}

/** Functions of the standard library and of `bytes`, by the names that wasm-bindgen gives them, that panic or serve only a panic. */
const PANICS = new RegExp(`^(${[
  'core::panicking::',
  '<?std::panicking::(panic_handler|begin_panic|panic_with_hook)',
  'std::sys::backtrace::__rust_end_short_backtrace::',
  'core::slice::index::slice_index_fail$',
  'core::slice::copy_from_slice_impl::len_mismatch_fail$',
  'core::(option|result)::(unwrap|expect)_failed$',
  'core::cell::panic_already_(mutably_)?borrowed$',
  'alloc::raw_vec::(handle_error|capacity_overflow)$',
  'alloc::alloc::handle_alloc_error$',
  '<alloc::vec::Vec<_, _>>::split_off::assert_failed$',
  'bytes::panic_advance::',
].join('|')})`)

/** The module's memory is its own and begins with zeros. */
const ZEROS = ['--zero-filled-memory', '--low-memory-unused']

/** Last of all: wasm-opt itself reads the list of features. */
const STRIP = ['--strip-debug', '--strip-producers', '--strip-target-features']

const WASM = 'wasm32-unknown-unknown'

/**
 * The detector takes half the time with it and hears the same bits: lanes add in the order that is written down, and none of
 * them fuses. A browser without it (before Safari 16.4, say) calls without a detector; the lines, without which there is no
 * sound, do without.
 */
const SIMD = '-C target-feature=+simd128'

const GLUE = ['--target', 'web', '--no-typescript', '--omit-default-module-path', '--remove-producers-section']

if (import.meta.url === pathToFileURL(process.argv[1]).href) await telling(build)
