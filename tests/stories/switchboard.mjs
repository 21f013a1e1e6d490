// A pretend proxy that does nothing but what a story tells it: for measuring the page alone, to the millisecond.

import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

export class Switchboard {
  /** Takes one call after the other. */
  static async open() {
    const board = new Switchboard()
    await new Promise(resolve => board.#server.listen(0, '127.0.0.1', resolve))
    board.url = `ws://127.0.0.1:${board.#server.address().port}/ws`
    return board
  }

  url

  /** What the page said, binary frames left out. */
  heard = []

  /** Begins turn `epoch` and sends `seconds` of a tone of it. */
  play(epoch, seconds) {
    this.say({ type: 'turn', epoch, state: 'started', samples: 0 })
    for (let second = 0; second < seconds; second++) this.#socket.send(frame(epoch, this.#sequence++, second * 24000, TONE))
  }

  /** Cuts turn `epoch` off; returns the moment at which that was sent. */
  interrupt(epoch) {
    const now = Date.now()
    this.say({ type: 'turn', epoch, state: 'interrupted', samples: 0 })
    return now
  }

  say(message) {
    this.#socket.send(JSON.stringify(message))
  }

  async close() {
    this.#sockets.close()
    this.#socket?.terminate()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #server = createServer()
  #sockets = new WebSocketServer({ server: this.#server, handleProtocols: () => 'vivavoce.v1' })
  #socket
  #sequence = 0

  constructor() {
    this.#sockets.on('connection', socket => {
      this.#socket = socket
      this.#sequence = 0
      socket.on('message', (data, isBinary) => {
        if (isBinary) return
        const message = JSON.parse(data)
        this.heard.push(message)
        if (message.type === 'hello') this.say(READY)
        if (message.type === 'ping') this.say({ type: 'pong', id: message.id })
      })
    })
  }
}

const READY = { type: 'ready', call: 'c', upstream: 'simulator', model: 'm', rate_hz: 24000, max_frame_bytes: 65536 }

/** A second of 500 Hz, −13 dBFS: the next second goes on without a jump. */
const TONE = Buffer.alloc(48000)
for (let index = 0; index < 24000; index++) TONE.writeInt16LE(Math.round(7300 * Math.sin(2 * Math.PI * index / 48)), 2 * index)

function frame(epoch, sequence, position, pcm) {
  const head = Buffer.alloc(20)
  head[0] = 2
  head[1] = 0
  head.writeUInt32LE(epoch, 4)
  head.writeUInt32LE(sequence, 8)
  head.writeBigUInt64LE(BigInt(position), 12)
  return Buffer.concat([head, pcm])
}
