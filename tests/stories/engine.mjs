// Three browser engines, each with its WebDriver, on a sound card, with nothing faked but the question for permission.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Builder } from 'selenium-webdriver'
import { find } from '../../scripts/child.mjs'
import { until, within } from '../sound/fact.mjs'
import { hurried } from '../sound/priority.mjs'

/** The engines to tell the stories in: all three, or those that the environment names. */
export const ENGINES = (process.env.VIVAVOCE_BROWSERS ?? 'chromium firefox webkit').split(/[ ,]+/).filter(Boolean)

/** A browser that is open, with the WebDriver that steers it. */
export class Browser {
  /** Opens `engine` (`chromium`, `firefox` or `webkit`) so that it hears and speaks through `card`. */
  static async open(engine, card) {
    const browser = new Browser(engine, card)
    try {
      const url = await KINDS[engine].drive(browser)
      const driver = new Builder().usingServer(url).withCapabilities(KINDS[engine].wishes(browser)).build()
      browser.driver = await within(30_000, `${engine} opens`, driver)
      await browser.driver.manage().setTimeouts({ script: 30_000, pageLoad: 30_000 })
    } catch (error) {
      await browser.close()
      throw error
    }
    return browser
  }

  /** Runs a script in the page; its value comes back. */
  run(script, ...values) {
    return this.driver.executeScript(script, ...values)
  }

  /** Ends the browser, its driver and its display. */
  async close() {
    await Promise.race([this.driver?.quit().catch(() => {}), new Promise(resolve => setTimeout(resolve, 5000).unref())])
    this.end()
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    open.delete(this)
  }

  /** Ends every program that was started with this browser's folder as its home, whoever started it. */
  end() {
    for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
      try {
        if (readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`HOME=${this.folder}\0`)) process.kill(Number(pid), 'SIGKILL')
      } catch { /* It is gone already, or not ours to look at. */ }
    }
  }

  /** Its name. */
  engine

  /** A folder of its own for profile and home. */
  folder = mkdtempSync(join(tmpdir(), 'browser-'))

  #environment

  constructor(engine, card) {
    open.add(this)
    this.engine = engine
    this.#environment = { ...process.env, ...card.environment, HOME: this.folder, TMPDIR: this.folder,
      LANG: 'C.UTF-8', NO_AT_BRIDGE: '1', WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' }
    delete this.#environment.DISPLAY
    delete this.#environment.DBUS_SESSION_BUS_ADDRESS
  }

  /** Starts a program and waits until it prints something that matches; returns the first group. */
  async program(command, words, sign, more = {}) {
    const child = hurried(spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...this.#environment, ...more } }))
    let printed = ''
    let failure
    child.once('error', error => { failure = error })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', bytes => { printed = (printed + bytes).slice(-4000) })
    return until(`${command} is up`, () => {
      if (failure ?? child.exitCode !== null) throw failure ?? new Error(`${command} ended with ${child.exitCode}: ${printed}`)
      return sign instanceof RegExp ? printed.match(sign)?.[1] : sign()
    }, { why: () => printed })
  }
}

const KINDS = {
  chromium: {
    async drive(browser) {
      const port = await browser.program(find('chromedriver'), ['--port=0'], /started successfully on port (\d+)/)
      return `http://127.0.0.1:${port}`
    },
    wishes: browser => ({
      browserName: 'chrome',
      'goog:loggingPrefs': { browser: 'ALL' },
      'goog:chromeOptions': {
        binary: find('chromium') ?? find('google-chrome') ?? find('chromium-browser'),
        args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
          '--disable-background-networking', '--disable-component-update', '--disable-sync', '--window-size=390,844',
          `--user-data-dir=${browser.folder}/profile`, '--use-fake-ui-for-media-stream'],
      },
    }),
  },

  firefox: {
    async drive(browser) {
      const port = await browser.program(find('geckodriver'), ['--port=0', '--websocket-port=0',
        `--profile-root=${browser.folder}`], /Listening on 127\.0\.0\.1:(\d+)/)
      return `http://127.0.0.1:${port}`
    },
    wishes: () => ({
      browserName: 'firefox',
      'moz:firefoxOptions': {
        binary: find('firefox-esr') ?? find('firefox'),
        args: ['-headless', '--width=390', '--height=844'],
        prefs: { 'media.navigator.permission.disabled': true },
      },
    }),
  },

  webkit: {
    async drive(browser) {
      const display = await browser.program('Xvfb', ['-displayfd', '1', '-screen', '0', '1024x1024x24',
        '-nolisten', 'tcp', '-ac'], /(\d+)/)
      const port = await freePort()
      const url = `http://127.0.0.1:${port}`
      await browser.program('WebKitWebDriver', [`--port=${port}`, '--host=127.0.0.1'],
        () => fetch(`${url}/status`).then(answer => answer.ok, () => false), { DISPLAY: `:${display}` })
      return url
    },
    wishes: () => ({
      browserName: 'MiniBrowser',
      'webkitgtk:browserOptions': { binary: miniBrowser(),
        args: ['--automation', '--enable-media-stream=true', '--geometry=390x844'] },
    }),
  },
}

/** Where the distribution put WebKitGTK's small browser. */
function miniBrowser() {
  const folders = ['/usr/lib', '/usr/libexec', ...readdirSync('/usr/lib').map(name => `/usr/lib/${name}`)]
  return folders.flatMap(folder => ['webkit2gtk-4.1', 'webkitgtk-6.0', 'webkit2gtk-4.0']
    .map(name => `${folder}/${name}/MiniBrowser`)).find(existsSync)
}

async function freePort() {
  const server = createServer()
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise(resolve => server.close(resolve))
  return port
}

// Browsers outlive their drivers, and drivers us, unless somebody ends them.
const open = new Set()
process.on('exit', () => open.forEach(browser => {
  browser.end()
  rmSync(browser.folder, { recursive: true, force: true })
}))
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(name, () => process.exit(1))
