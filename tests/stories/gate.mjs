// A gate before the house: everything goes through it, and a story may hold something back or slip something in.

import { createServer, request as ask } from 'node:http'
import { connect } from 'node:net'

export class Gate {
  /**
   * Opens a gate before `house`. What matches `held` waits for {@link release}; `script` runs in the page before
   * everything else, `inWorker` in the call's Worker. The first WebSockets, `lost` of them, are lost when the house says its first word.
   */
  static async open(house, { held, script, inWorker, lost = 0 } = {}) {
    const gate = new Gate(house, held, script, inWorker)
    gate.#lost = lost
    await new Promise(resolve => gate.#server.listen(0, '127.0.0.1', resolve))
    gate.url = `http://127.0.0.1:${gate.#server.address().port}/`
    return gate
  }

  /** Lets through what was held back, from here on. */
  release() {
    this.#held = undefined
    for (const pass of this.#waiting.splice(0)) pass()
  }

  /** How many requests wait. */
  get waiting() {
    return this.#waiting.length
  }

  /** Takes the network away: every connection is lost, and no other comes about until {@link restore}. */
  cut() {
    this.#isCut = true
    this.#sockets.forEach(socket => socket.destroy())
  }

  /** The network is back. */
  restore() {
    this.#isCut = false
  }

  /** When each WebSocket was asked for that found a network, oldest first: milliseconds of the machine's clock. */
  calledAt = []

  /** What was asked for by POST, oldest first: paths. */
  posted = []

  /** Ends it and every connection through it. */
  async close() {
    this.#sockets.forEach(socket => socket.destroy())
    await new Promise(resolve => this.#server.close(resolve))
  }

  /** The page as the browser sees it. */
  url

  #house
  #held
  #script
  #inWorker
  #waiting = []
  #isCut = false
  #lost = 0
  #sockets = new Set()
  #server = createServer((request, response) => this.#pass(request, response))

  constructor(house, held, script, inWorker) {
    this.#house = new URL(house.url)
    this.#held = held
    this.#script = script
    this.#inWorker = inWorker
    this.#server.on('connection', socket => this.#isCut ? socket.destroy() : this.#keep(socket))
    this.#server.on('upgrade', (request, socket, head) => this.#tunnel(request, socket, head))
  }

  #pass(request, response) {
    if (request.method === 'POST') this.posted.push(request.url)
    if (request.url === SLIPPED_IN) return response.setHeader('content-type', 'text/javascript').end(this.#script)
    if (this.#held?.test(request.url)) return this.#waiting.push(() => this.#forward(request, response))
    this.#forward(request, response)
  }

  #forward(request, response) {
    const { hostname: host, port } = this.#house
    const headers = { ...request.headers, 'accept-encoding': 'identity' }
    const onward = ask({ host, port, method: request.method, path: request.url, headers }, async answer => {
      const change = this.#changeTo(request.url, answer)
      if (!change) {
        response.writeHead(answer.statusCode, answer.headers)
        return answer.pipe(response)
      }
      const text = Buffer.concat(await answer.toArray()).toString()
      response.setHeader('content-type', answer.headers['content-type']).end(change(text))
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  }

  /** What is to be made of a text before it passes; undefined if it is to pass as it is. */
  #changeTo(url, answer) {
    if (this.#script && /text\/html/.test(answer.headers['content-type'])) {
      return page => page.replace(/<head[^>]*>|^/, head => `${head}<script src="${SLIPPED_IN}"></script>`)
    }
    if (this.#inWorker && WORKER.test(url)) return own => `${this.#inWorker};\n${own}`
    return undefined
  }

  /** A WebSocket: bytes both ways, the request's head as it came. */
  #tunnel(request, socket, head) {
    this.calledAt.push(Date.now())
    const onward = this.#keep(connect(Number(this.#house.port), this.#house.hostname))
    const lines = [`${request.method} ${request.url} HTTP/1.1`]
    for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`)
    onward.write(`${lines.join('\r\n')}\r\n\r\n`)
    onward.write(head)
    socket.pipe(onward)
    if (this.#lost-- > 0) return this.#lose(onward, socket)
    onward.pipe(socket)
  }

  /** The connection comes about, and is lost before any word of the house's. */
  #lose(onward, socket) {
    onward.once('data', accepted => {
      socket.write(accepted)
      onward.once('data', () => {
        onward.destroy()
        socket.destroy()
      })
    })
  }

  #keep(socket) {
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => this.#sockets.delete(socket))
    return socket
  }
}

/** The Worker's script is named like the Worker. */
const WORKER = /\/viva-voce\.\w+\.js$/
const SLIPPED_IN = '/slipped-in.js'
