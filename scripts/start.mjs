// Sets up what is missing, builds, and serves the page, the proxy and the simulator on one port. `npm start`

import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { build, DIST } from './build.mjs'
import { ROOT, run, start } from './child.mjs'
import { Obstacle, step, telling } from './step.mjs'

const HELP = `npm start [-- OPTIONS]

  --port N        serve on this port of this machine (default 8003; 0: any free one)
  --config FILE   the proxy's configuration, as docs/ describes it

With GEMINI_API_KEY in the environment it talks to Gemini, without to the built-in simulator.`

async function main() {
  const wishes = options()
  if (wishes.help) return console.log(HELP)
  console.log('Preparing (long the first time only)')
  await build()
  await step('the proxy', tell => run('cargo', ['build', '--release', '--locked', '-p', 'vivavoce-proxy'], { onLine: tell }))
  await serve(wishes)
}

function options() {
  let values
  try {
    ({ values } = parseArgs({ options: {
      port: { type: 'string' }, config: { type: 'string' }, help: { type: 'boolean', short: 'h' } } }))
  } catch (error) {
    throw new Obstacle(`${error.message}\n\n${HELP}`)
  }
  if (values.port !== undefined && !(/^\d+$/.test(values.port) && Number(values.port) < 65536)) {
    throw new Obstacle(`--port takes a number from 0 to 65535, not "${values.port}".`)
  }
  return values
}

/** Runs the proxy until it ends or the person ends it. */
async function serve({ port, config }) {
  const words = ['serve', '--page', DIST]
  // Who starts it here calls from here; settings of one's own say for themselves.
  if (config === undefined) words.push('--local')
  if (port !== undefined) words.push('--listen', `127.0.0.1:${port}`)
  if (config !== undefined) words.push('--config', resolve(process.env.INIT_CWD ?? ROOT, config))
  const proxy = start(binary(), words, { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  proxy.stdout.on('data', bytes => {
    process.stdout.write(bytes)
    const before = address(printed)
    printed = (printed + bytes).slice(-4096)
    if (!before && address(printed)) welcome(address(printed))
  })
  const code = await new Promise((done, fail) => {
    proxy.once('error', fail)
    proxy.once('close', (code, name) => done(name ? 0 : code))
  })
  // At once, for one who is asked to stop has ended well.
  process.exit(code)
}

function welcome(url) {
  console.log(`\n  Open ${url} and tap Talk. Ctrl-C ends it.\n`)
}

const address = printed => printed.match(/listening on (http:\/\/\S+)/)?.[1]

function binary() {
  const folder = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target')
  return join(folder, 'release', process.platform === 'win32' ? 'vivavoce.exe' : 'vivavoce')
}

await telling(main)
