// The workflows of n8n/ in a real n8n, behind the proxy. `npm run test:n8n`

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { environment, npm, ROOT, run, TOOLS } from './child.mjs'
import { setup } from './setup.mjs'
import { step, telling } from './step.mjs'

/** n8n, the Node.js that it wants, and the installer of its own people, which is done while npm still chooses versions. */
const VERSIONS = { n8n: '2.41.1', node: '24.21.0', pnpm: '12.21.0' }

const FOLDER = join(TOOLS, 'n8n')
const NODE = join(FOLDER, 'node_modules', 'node', 'bin')

async function main() {
  await setup()
  await step('proxy', tell => run('cargo', ['build', '--locked', '-p', 'vivavoce-proxy'], { onLine: tell }))
  const program = process.env.N8N_BIN ?? await installed()
  const folder = join('tests', 'n8n')
  const suites = readdirSync(join(ROOT, folder)).filter(file => file.endsWith('.test.mjs')).map(file => join(folder, file))
  await run(process.execPath, ['--test', '--test-reporter=spec', ...suites], { onLine: line => console.log(line),
    env: { N8N_BIN: program, PATH: path() } })
}

/** The program, fetched once: its licence lets it be used, and not be bundled. */
async function installed() {
  const program = join(FOLDER, 'program', 'node_modules', '.bin', 'n8n')
  const stamp = join(FOLDER, 'stamp.json')
  const wanted = JSON.stringify(VERSIONS)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return program
  const { n8n, ...helpers } = VERSIONS
  await step(`n8n ${n8n}, fetched once, 2.4 GB, takes some minutes`, async tell => {
    describe(FOLDER, helpers)
    await npm(['install', '--no-audit', '--no-fund'], { cwd: FOLDER, onLine: tell })
    describe(join(FOLDER, 'program'), { n8n })
    writeFileSync(join(FOLDER, 'program', 'pnpm-workspace.yaml'), WORKSPACE)
    await run(join(FOLDER, 'node_modules', '.bin', 'pnpm'), ['install'],
      { cwd: join(FOLDER, 'program'), onLine: tell, env: { PATH: path() } })
    writeFileSync(stamp, wanted)
  })
  return program
}

function describe(folder, dependencies) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
}

/** Where its own Node.js is found first. */
function path() {
  return [NODE, environment().PATH].join(delimiter)
}

// One of its packages is named by an address outside the registry, and one of those with native code is used here.
const WORKSPACE = `
storeDir: ../store
nodeLinker: hoisted
overrides: { xlsx: 0.18.5 }
allowBuilds: { sqlite3: true }
strictDepBuilds: false
`

await telling(main)
