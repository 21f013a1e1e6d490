// A conversation held by Google's Python SDK, unchanged, in a virtual environment of its own.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { find, run, start, TOOLS } from '../../scripts/child.mjs'

/** The SDK that talks. */
export const version = readFileSync(file('requirements.txt'), 'utf8').trim().replace('==', ' ')

/** Brings the SDK, if it is not there in its pinned version. */
export async function install() {
  const stamp = join(VENV, 'requirements.txt')
  const wanted = readFileSync(file('requirements.txt'), 'utf8')
  if (existsSync(PYTHON) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  await run(find('python3') ?? 'python', ['-m', 'venv', VENV])
  await run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', file('requirements.txt')])
  writeFileSync(stamp, wanted)
}

/** Does an errand; javascript.mjs says of what it consists. Whatever the base URL, this SDK opens sockets over TLS. */
export async function talk({ certificate, ...errand }) {
  const child = start(PYTHON, [file('talker.py')], { stdio: ['pipe', 'pipe', 'pipe'], env: { SSL_CERT_FILE: certificate } })
  child.stdin.end(JSON.stringify({ ...errand, url: errand.url.replace('http:', 'https:') }))
  const [told, complaint, code] = await Promise.all([text(child.stdout), text(child.stderr),
    new Promise((resolve, reject) => child.once('close', resolve).once('error', reject))])
  if (code !== 0) throw new Error(`talker.py ended with ${code}: ${complaint}`)
  return JSON.parse(told)
}

async function text(stream) {
  let all = ''
  for await (const piece of stream.setEncoding('utf8')) all += piece
  return all
}

function file(name) {
  return fileURLToPath(new URL(name, import.meta.url))
}

const VENV = join(TOOLS, 'venv')
const PYTHON = process.platform === 'win32' ? join(VENV, 'Scripts', 'python.exe') : join(VENV, 'bin', 'python')
