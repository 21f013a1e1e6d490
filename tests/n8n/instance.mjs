// A real n8n for as long as a test needs it, in a folder of its own and on this machine alone.

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run, signal, start } from '../../scripts/child.mjs'
import { until } from '../sound/fact.mjs'

export class Instance {
  /** Starts one with these workflows and credentials, as n8n exports them; the one of the id `published` is on, at `path`. */
  static async open({ workflows, credentials, published, path }) {
    const instance = new Instance()
    try {
      await instance.#begin(workflows, credentials, published, path)
    } catch (error) {
      await instance.close()
      throw error
    }
    return instance
  }

  /** Where the webhook of a path is. */
  webhook(path) {
    return `${this.url}webhook/${path}`
  }

  /** `http://127.0.0.1:…/` */
  url

  /** What it printed. */
  printed = ''

  async close() {
    if (this.#process && this.#process.exitCode === null) {
      const closed = once(this.#process, 'close')
      signal(this.#process)
      await closed
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #folder = mkdtempSync(join(tmpdir(), 'n8n-'))
  #environment
  #process

  async #begin(workflows, credentials, published, path) {
    const [port, brokerPort] = [await freePort(), await freePort()]
    this.url = `http://127.0.0.1:${port}/`
    this.#environment = {
      N8N_USER_FOLDER: this.#folder, N8N_ENCRYPTION_KEY: 'of a test', N8N_LISTEN_ADDRESS: '127.0.0.1', N8N_PORT: String(port),
      N8N_RUNNERS_BROKER_PORT: String(brokerPort), N8N_DIAGNOSTICS_ENABLED: 'false', N8N_VERSION_NOTIFICATIONS_ENABLED: 'false',
      N8N_TEMPLATES_ENABLED: 'false', N8N_PERSONALIZATION_ENABLED: 'false', N8N_DISABLED_MODULES: 'mcp-registry',
    }
    await this.#command('import:credentials', `--input=${this.#file('credentials.json', credentials)}`)
    await this.#command('import:workflow', `--input=${this.#file('workflows.json', workflows)}`)
    await this.#command('publish:workflow', `--id=${published}`)
    this.#process = start(process.env.N8N_BIN, ['start'], { env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#process.stdout, this.#process.stderr]) stream.on('data', bytes => { this.printed += bytes })
    // Health checks answer, and it says that it is ready, before webhooks are there; until then it has pages of its own.
    await until(`${path} refuses who does not sign`, async () => {
      if (this.#process.exitCode !== null) throw new Error(`n8n ended with ${this.#process.exitCode}: ${this.printed}`)
      const answer = await fetch(this.webhook(path), { method: 'POST' }).catch(() => undefined)
      await answer?.text()
      return answer?.status === 401
    }, { patience_ms: 120_000, every_ms: 200, why: () => this.printed })
  }

  #file(name, value) {
    const file = join(this.#folder, name)
    writeFileSync(file, JSON.stringify(value))
    return file
  }

  async #command(...words) {
    this.printed += await run(process.env.N8N_BIN, words, { env: this.#environment })
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  await new Promise(resolve => server.close(resolve))
  return port
}
