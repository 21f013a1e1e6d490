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

  /** Begins turn `epoch` and sends `seconds` of 500 Hz, −13 dBFS, of it. */
  play(epoch, seconds) {
    this.speak(epoch, Float32Array.from({ length: seconds * 24000 }, (_, index) => 0.223 * Math.sin(2 * Math.PI * index / 48)))
  }

  /** Begins turn `epoch` and sends a voice of it: samples at 24 kHz, −1…1. */
  speak(epoch, samples) {
    this.say({ type: 'turn', epoch, state: 'started', samples: 0 })
    for (let at = 0; at < samples.length; at += 24000) {
      this.#socket.send(frame(epoch, this.#sequence++, at, samples.subarray(at, at + 24000)))
    }
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

function frame(epoch, sequence, position, samples) {
  const bytes = Buffer.alloc(20 + 2 * samples.length)
  bytes[0] = 2
  bytes.writeUInt32LE(epoch, 4)
  bytes.writeUInt32LE(sequence, 8)
  bytes.writeBigUInt64LE(BigInt(position), 12)
  samples.forEach((sample, index) => bytes.writeInt16LE(Math.round(32767 * sample), 20 + 2 * index))
  return bytes
}
