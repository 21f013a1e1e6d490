// The courier of the audio thread: copies samples into the lines, calls, and copies them out. What is decided
// is decided in Rust. It runs in an AudioWorkletGlobalScope, where there is no TextDecoder, no timer and
// no clock but the count of frames; in steady state `process` allocates nothing.

/** The module's instance in this scope, shared by the processors: made once. */
let lines

/** The module with its areas: views that are made once, as its memory never grows. */
class Lines {
  constructor(module) {
    const compiled = module instanceof WebAssembly.Module ? module : new WebAssembly.Module(module)
    const calls = this.calls = new WebAssembly.Instance(compiled).exports
    const { buffer } = calls.memory
    this.longest = calls.output_capacity()
    this.input = new Float32Array(buffer, calls.input_area(), calls.input_capacity())
    this.output = new Float32Array(buffer, calls.output_area(), this.longest)
    this.voice = new Int16Array(buffer, calls.voice_area(), calls.voice_capacity())
    this.report = new Float64Array(buffer, calls.report_area(), 7)
    this.frames = []
    for (let index = 0; index < calls.frames_capacity(); index++) {
      this.frames.push(new Int16Array(buffer, calls.frames_area() + index * FRAME_BYTES, FRAME_BYTES / 2))
    }
  }
}

/** What the recorder and the player have in common: a life, a port to the page, and one to the Worker. */
class Courier extends AudioWorkletProcessor {
  constructor(role, module) {
    super()
    this.role = role
    this.running = true
    this.faults = 0
    this.peer = null
    this.framesSinceLevel = 0
    this.level = { type: 'level', rms: 0 }
    this.port.onmessage = ({ data }) => this.guarded(() => this.hearPage(data))
    this.guarded(() => {
      lines ??= new Lines(module)
      if (!lines.calls[`${role}_init`](sampleRate)) throw new Error(`this device's rate is not supported: ${sampleRate} Hz`)
      lines[role] = this
      this.port.postMessage({ type: 'ready' })
    })
  }

  /** Whether the line is still this processor's: a later one of its kind has taken it over. */
  get isAlive() {
    return this.running && !(lines?.[this.role] && lines[this.role] !== this)
  }

  hearPage(message) {
    switch (message.type) {
      case 'link': return this.link(message.port)
      case 'stop': return this.stop()
    }
  }

  link(port) {
    this.peer?.close()
    this.peer = port
    port.onmessage = ({ data }) => this.guarded(() => this.hearPeer(data))
  }

  stop() {
    this.running = false
    this.peer?.close()
    this.peer = null
    this.port.close()
  }

  process(inputs, outputs) {
    if (!this.isAlive) return false
    try {
      if (lines?.[this.role]) this.work(inputs[0] ?? NOTHING, outputs[0] ?? NOTHING)
    } catch (error) {
      this.fail(error)
      outputs[0]?.forEach((channel) => channel.fill(0))
    }
    return true
  }

  /** Tells the page how loud it is, twenty times a second. */
  meter(frames) {
    this.framesSinceLevel += frames
    if (this.framesSinceLevel < sampleRate / LEVELS_PER_S) return
    this.framesSinceLevel = 0
    this.level.rms = lines.calls[this.role === 'player' ? 'player_level' : 'recorder_level']()
    this.port.postMessage(this.level)
  }

  /** An exception would silence a node for good: it is counted, and the first one told. */
  fail(error) {
    if (this.faults++ === 0) this.port.postMessage({ type: 'fault', message: String(error) })
  }

  guarded(act) {
    try {
      act()
    } catch (error) {
      this.fail(error)
    }
  }
}

/** Microphone → frames of 20 ms at 16 kHz. */
class Recorder extends Courier {
  constructor({ processorOptions }) {
    super('recorder', processorOptions?.module)
    this.pool = []
    this.early = []
    this.underway = 0
    this.message = { type: 'frame', pcm: null, position: 0 }
    this.cargo = [null]
  }

  link(port) {
    super.link(port)
    for (const { frame, position } of this.early.splice(0)) this.send(frame, position)
  }

  /** The Worker hands a buffer back. */
  hearPeer(message) {
    if (message.type !== 'return') return
    this.underway = Math.max(0, this.underway - 1)
    if (message.pcm.byteLength === FRAME_BYTES && this.pool.length < POOL) this.pool.push(new Int16Array(message.pcm))
  }

  work(channels, outputs) {
    // An input without a source has no channels, and its silence is as long as the output's.
    const length = channels[0]?.length ?? outputs[0]?.length ?? QUANTUM
    const longest = Math.min(lines.longest, Math.floor(lines.input.length / (channels.length || 1)))
    for (let start = 0; start < length; start += longest) this.record(channels, start, Math.min(longest, length - start), length)
    this.meter(length)
  }

  record(channels, start, count, length) {
    for (let index = 0; index < channels.length; index++) {
      const channel = count === length ? channels[index] : channels[index].subarray(start, start + count)
      lines.input.set(channel, index * count)
    }
    const completed = lines.calls.recorder_push(channels.length, count)
    const position = completed > 0 ? lines.calls.recorder_position() : 0
    for (let index = 0; index < completed; index++) this.pack(lines.frames[index], position + index * FRAME_BYTES / 2)
  }

  /** Copies a frame and sends it; nobody who takes half a minute of it any more is listening. */
  pack(samples, position) {
    if (this.underway + this.early.length >= UNDERWAY) return
    const frame = this.pool.pop() ?? new Int16Array(FRAME_BYTES / 2)
    frame.set(samples)
    if (this.peer) this.send(frame, position)
    else this.early.push({ frame, position })
  }

  send(frame, position) {
    this.message.pcm = this.cargo[0] = frame.buffer
    this.message.position = position
    this.underway++
    this.peer.postMessage(this.message, this.cargo)
    this.message.pcm = this.cargo[0] = null
  }
}

/** Turns at 24 kHz → loudspeaker. */
class Player extends Courier {
  constructor({ processorOptions }) {
    super('player', processorOptions?.module)
    this.waiting = []
    this.waitingBytes = 0
    this.framesSinceReport = 0
    this.window = lines?.output
    this.report = { type: 'report', epoch: 0, heard: 0, buffered: 0, underruns: 0, concealed: 0, stretched: 0, sounding: false,
      frames: 0, rate: sampleRate }
  }

  /** The last word is how far it was heard: a successor goes on from there. */
  stop() {
    if (this.isAlive && lines?.player) {
      lines.calls.player_report()
      this.tell()
    }
    super.stop()
  }

  hearPage(message) {
    if (message.type !== 'latency') return super.hearPage(message)
    lines.calls.player_latency(Math.max(0, Math.round(message.seconds * sampleRate) || 0))
  }

  hearPeer(message) {
    // A turn that was taken over by a newer processor is not this one's to touch.
    if (!this.isAlive || !lines?.player) return
    switch (message.type) {
      case 'play': return this.queue({ epoch: message.epoch, position: message.position, pcm: message.pcm, done: 0 })
      case 'end': return this.queue({ epoch: message.epoch, position: message.samples, pcm: null, done: 0 })
      case 'flush': return this.flush(message.epoch)
      case 'yield': return lines.calls.player_give_way(message.how)
      case 'thresholds': return lines.calls.player_thresholds(message.start, message.restart)
    }
  }

  /** All goes in order: what finds no room waits, and what comes after waits behind it. */
  queue(piece) {
    const bytes = piece.pcm?.byteLength ?? 0
    if (this.waitingBytes + bytes > WAITING_BYTES) return this.hand(piece)
    this.waiting.push(piece)
    this.waitingBytes += bytes
    this.feed()
  }

  feed() {
    while (this.waiting.length > 0 && this.take(this.waiting[0])) {
      const piece = this.waiting.shift()
      this.waitingBytes -= piece.pcm?.byteLength ?? 0
      this.hand(piece)
    }
  }

  /** Puts a piece into the line; false if not all of it fits yet. */
  take(piece) {
    const { epoch, position, pcm } = piece
    if (!pcm) {
      lines.calls.player_end(epoch, position)
      return true
    }
    const samples = new Int16Array(pcm, 0, pcm.byteLength >> 1)
    while (piece.done < samples.length) {
      const some = samples.subarray(piece.done, piece.done + lines.voice.length)
      lines.voice.set(some)
      const taken = lines.calls.player_push(epoch, position + piece.done, some.length)
      piece.done += taken
      if (taken < some.length) return false
    }
    return true
  }

  /** Gives a piece's buffer back. */
  hand({ pcm }) {
    if (pcm) this.peer?.postMessage({ type: 'return', pcm }, [pcm])
  }

  flush(epoch) {
    const dead = this.waiting.filter((piece) => piece.epoch <= epoch)
    this.waiting = this.waiting.filter((piece) => piece.epoch > epoch)
    this.waitingBytes = this.waiting.reduce((sum, { pcm }) => sum + (pcm?.byteLength ?? 0), 0)
    lines.calls.player_flush(epoch)
    lines.calls.player_report()
    this.tell()
    dead.forEach((piece) => this.hand(piece))
    this.feed()
  }

  work(_, channels) {
    const length = channels[0]?.length ?? 0
    for (let start = 0; start < length; start += lines.longest) {
      const count = lines.calls.player_pull(Math.min(lines.longest, length - start))
      if (this.window.length !== count) this.window = lines.output.subarray(0, count)
      for (let index = 0; index < channels.length; index++) channels[index].set(this.window, start)
    }
    while (lines.calls.player_notice()) this.tell()
    this.framesSinceReport += length
    this.report.frames += length
    if (this.framesSinceReport >= sampleRate / REPORTS_PER_S) {
      lines.calls.player_report()
      this.tell()
      // Not at every block: the line holds many seconds, and looking into a waiting piece allocates.
      this.feed()
    }
    this.meter(length)
  }

  /** Sends what lies in the report area. */
  tell() {
    this.framesSinceReport = 0
    const { report } = this
    const area = lines.report
    report.epoch = area[0]
    report.heard = area[1]
    report.buffered = area[2]
    report.underruns = area[3]
    report.concealed = area[4]
    report.stretched = area[5]
    report.sounding = area[6] !== 0
    this.peer?.postMessage(report)
  }
}

/** A frame of 20 ms at 16 kHz in 16 bits. */
const FRAME_BYTES = 640

/** Frames that may wait for the Worker: half a minute, while it is being downloaded. */
const UNDERWAY = 1500

/** Buffers kept for reuse: more than are ever under way at once when the Worker is awake. */
const POOL = 32

/** The length of a block that shows neither input nor output. */
const QUANTUM = 128

/**
 * The most that may wait for room, 14 minutes of voice: the proxy sends 20 s ahead of what was heard, and only when its
 * service is gone all that it has kept.
 */
const WAITING_BYTES = 40e6

const LEVELS_PER_S = 20
const REPORTS_PER_S = 10
const NOTHING = []

registerProcessor('vivavoce-recorder', Recorder)
registerProcessor('vivavoce-player', Player)
