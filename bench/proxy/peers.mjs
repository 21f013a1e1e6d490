// Those whose cost is measured, each opened for one measure alone: `{ port, pids, close() }`.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { find, ROOT, signal, start } from '../../scripts/child.mjs'
import { Obstacle } from '../../scripts/step.mjs'

const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target')
const LOAD = join(ROOT, 'target', 'bench', 'release', 'proxy-load')

/** Our own proxy; `wrapper` is a program to run it in. */
export async function vivavoce(upstream, { wrapper = [] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'vivavoce-bench-'))
  const config = join(folder, 'proxy.toml')
  writeFileSync(config, '[admin]\nlisten = "127.0.0.1:0"\n[limits]\ncalls = 20000\nconnections_per_address = 20000\n')
  const words = ['serve', '--listen', '127.0.0.1:0', '--upstream', `ws://127.0.0.1:${upstream}`, '--config', config]
  // What it says of each call, a service manager would write to a disk; nginx says nothing either.
  const program = [...wrapper, join(TARGET, 'release', 'vivavoce'), ...words]
  return opened(program, { env: { RUST_LOG: 'warn' }, folder, patience_ms: wrapper.length ? 60_000 : 10_000 })
}

/** nginx as Debian has it, passing bytes on. */
export async function nginx(upstream) {
  const folder = mkdtempSync(join(tmpdir(), 'vivavoce-bench-'))
  const port = await freePort()
  writeFileSync(join(folder, 'nginx.conf'), settings(folder, port, upstream))
  const child = start(...limited([find('nginx') ?? '/usr/sbin/nginx', '-e', '/dev/null', '-p', folder, '-c', 'nginx.conf']), { stdio: 'ignore' })
  const peer = closable(child, port, folder)
  await reached(port, child)
  return peer
}

/** The handbook's. */
export const handbook = (upstream) =>
  opened([process.execPath, join(ROOT, 'bench', 'proxy', 'handbook.mjs'), `ws://127.0.0.1:${upstream}/ws`])

/** What no proxy goes below: bytes from one socket to the other. */
export const pipe = (upstream) => opened([LOAD, 'pipe', String(upstream)])

/** The service at the other end of all of them. */
export const service = (handle_ms) => opened([LOAD, 'service', '0', String(handle_ms)])

/** Has calls made to a peer, of `kind` talk or idle, and says what they cost. */
export const load = (kind, dialect, peer, calls, seconds) =>
  figures([kind, dialect, peer.port, calls, seconds, ...peer.pids], `${calls} calls to ${dialect}`)

/**
 * Has so many sockets do harm to a peer for so long, and says how much. They stand for other machines, so that what they use up here
 * themselves is what nobody else wants.
 */
export const villains = (peer, sockets, seconds) =>
  figures(['hostile', peer.port, sockets, seconds], `${sockets} hostile sockets`, LOWEST)

/** Runs the load, which prints what came of it. */
function figures(words, what, wrapper = []) {
  const child = start(...limited([...wrapper, LOAD, ...words.map(String)]), { stdio: ['ignore', 'pipe', 'pipe'] })
  let [told, complaint] = ['', '']
  child.stdout.on('data', (bytes) => { told += bytes })
  child.stderr.on('data', (bytes) => { complaint += bytes })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => code === 0 ? resolve(JSON.parse(told)) : reject(new Obstacle(`${what}: ${complaint}`)))
  })
}

/** Starts a program that says where it listens. */
async function opened(words, { env, folder, patience_ms = 10_000 } = {}) {
  const child = start(...limited(words), { env, stdio: ['ignore', 'pipe', 'ignore'] })
  const port = await new Promise((resolve, reject) => {
    let told = ''
    const timer = setTimeout(() => reject(new Obstacle(`${words[0]} does not say where it listens.`)), patience_ms)
    child.once('error', reject)
    child.once('close', (code) => reject(new Obstacle(`${words[0]} ended with ${code}.`)))
    child.stdout.on('data', (bytes) => {
      const found = (told += bytes).match(/listening on (?:http:\/\/127\.0\.0\.1:)?(\d+)/)
      if (!found) return
      clearTimeout(timer)
      resolve(Number(found[1]))
    })
  })
  return closable(child, port, folder)
}

function closable(child, port, folder) {
  const ended = new Promise((resolve) => child.once('close', resolve))
  return { port, pids: [child.pid], async close(name = 'SIGKILL') {
    signal(child, name)
    await ended
    if (folder) rmSync(folder, { recursive: true, force: true })
  } }
}

// A session of its own is scheduled as a group of its own, which is as nice as it says itself (sched(7), autogroup).
const LOWEST = ['sh', '-c', '{ echo 19 > /proc/$$/autogroup; } 2>/dev/null; exec nice -n 19 "$@"', 'sh']

/** With as many open files as may be: two for a call. The shell becomes the program. */
const limited = (words) => ['sh', ['-c', 'ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$@"', 'sh', ...words]]

const settings = (folder, port, upstream) => `
daemon off;
worker_processes 2;
worker_rlimit_nofile 20000;
pid ${folder}/nginx.pid;
error_log /dev/null crit;
events { worker_connections 16000; }
http {
    access_log off;
    ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
    server {
        listen 127.0.0.1:${port} backlog=4096;
        location / {
            proxy_pass http://127.0.0.1:${upstream};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_buffering off;
            proxy_read_timeout 600s;
            proxy_send_timeout 600s;
        }
    }
}
`

function freePort() {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** Waits until a port answers. */
function reached(port, child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => reject(new Obstacle(`nginx ended with ${code}: is it installed? (Debian: nginx-light)`)))
    const knock = () => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => { socket.destroy(); resolve() })
      socket.once('error', () => setTimeout(knock, 20))
    }
    knock()
  })
}
