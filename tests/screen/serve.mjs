import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TYPES = {
  '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml',
  '.json': 'application/json', '.webmanifest': 'application/manifest+json',
}
/** What a strict server would send: nothing inline, nothing from elsewhere. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; frame-src 'self'"

/**
 * Serves the page from its sources under `/deep/www/`, with the pretend call in place of the real one. `files` gives
 * further bodies by path (`/deep/www/config.json` among them). Resolves to `{ url, close }`.
 */
export async function serve(files = {}) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, 'http://page').pathname
    try {
      const body = files[path] ?? (await source(path))
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/html', 'content-security-policy': POLICY })
      response.end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}/deep/www/`,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  }
}

async function source(path) {
  const inside = normalize(path.replace(/^\/deep\//, '').replace(/\/$/, '/index.html'))
  if (inside === 'src/js/call.js') return readFile(new URL('pretend-call.js', import.meta.url))
  const body = await readFile(join(ROOT, inside))
  return inside === 'www/index.html' ? withMain(body.toString()) : body
}

/** The page as the build leaves it: with its main script, deferred. */
function withMain(page) {
  return page.replace('</head>', '<script type="module" src="main.js"></script></head>')
}
