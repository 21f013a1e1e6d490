// A client written from docs/PROTOCOL.md alone: nothing of the project's own code is in it.

import { once } from 'node:events'
import WebSocket from 'ws'

export class Caller {
  /** Connects to a proxy's socket; `hello` is said at once, unless it is `null`. */
  static async open(url, { hello = HELLO, subprotocol = 'vivavoce.v1' } = {}) {
    const caller = new Caller(new WebSocket(url, subprotocol))
    await once(caller.#socket, 'open')
    if (hello) caller.say(hello)
    return caller
  }

  /** All text messages so far. */
  told = []

  /** All audio frames so far. */
  frames = []

  /** Close code and reason, once it is closed. */
  closed

  /** Sends a JSON message; a string is sent as it is. */
  say(message) {
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  /** Sends bytes as they are. */
  sendBytes(bytes) {
    this.#socket.send(bytes)
  }

  /** Speaks samples (−1…1) in frames of 20 ms, `times` as fast as real time. */
  async speak({ samples, rate }, times = 1) {
    const length = rate / 50
    const begun = Date.now()
    for (let i = 0; i * length < samples.length; i++) {
      this.sendBytes(this.#frame(samples.subarray(i * length, (i + 1) * length)))
      const due = begun + (i + 1) * 20 / times
      if (due > Date.now()) await new Promise(resolve => setTimeout(resolve, due - Date.now()))
    }
  }

  /** Waits for a message that `is` so, also one that came already; rejects when the socket closes before. */
  async hears(is, patience_ms = 20_000) {
    const end = Date.now() + patience_ms
    for (;;) {
      const found = this.told.find(is)
      if (found) return found
      if (this.closed || Date.now() > end) {
        throw new Error(`${this.closed ? `closed with ${JSON.stringify(this.closed)}` : 'waited in vain'} until ${is}, told ${JSON.stringify(this.told)}`)
      }
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  /** Waits for the close. */
  async end() {
    await this.#ended
    return this.closed
  }

  /** The samples of a turn, as 16-bit integers, and whether its frames were without gaps. */
  turn(epoch) {
    const frames = this.frames.filter(frame => frame.epoch === epoch)
    let due = 0
    const isWhole = frames.every(({ position, pcm }) => {
      const fits = position === due
      due += pcm.length / 2
      return fits
    })
    const pcm = Buffer.concat(frames.map(frame => frame.pcm))
    return { isWhole, samples: Int16Array.from({ length: pcm.length / 2 }, (_, i) => pcm.readInt16LE(2 * i)) }
  }

  /** Cuts the line. */
  drop() {
    this.#socket.terminate()
  }

  #socket
  #ended
  #sequence = 0
  #position = 0

  constructor(socket) {
    this.#socket = socket
    this.#ended = new Promise(resolve => socket.once('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() }
      resolve()
    }))
    socket.on('error', () => { /* The close says it. */ })
    socket.on('message', (data, isBinary) => isBinary ? this.#take(data) : this.#hear(JSON.parse(data.toString())))
  }

  #hear(message) {
    this.told.push(message)
    if (message.type === 'ping') this.say({ type: 'pong', id: message.id })
  }

  #take(bytes) {
    this.frames.push({ kind: bytes[0], codec: bytes[1], epoch: bytes.readUInt32LE(4), sequence: bytes.readUInt32LE(8),
      position: Number(bytes.readBigUInt64LE(12)), pcm: bytes.subarray(20) })
  }

  #frame(samples) {
    const bytes = Buffer.alloc(20 + 2 * samples.length)
    bytes[0] = 1
    bytes.writeUInt32LE(this.frames.at(-1)?.epoch ?? 0, 4)
    bytes.writeUInt32LE(this.#sequence++, 8)
    bytes.writeBigUInt64LE(BigInt(this.#position), 12)
    this.#position += samples.length
    samples.forEach((sample, i) => {
      bytes.writeInt16LE(Math.max(-32768, Math.min(32767, Math.round(sample * 32768))), 20 + 2 * i)
    })
    return bytes
  }
}

/** The hello of a phone with a microphone of 16 kHz. */
export const HELLO = { type: 'hello', audio: { rate_hz: 16000 }, client: 'test 1.0', greeting: false }
