// WAV files: 16-bit PCM as espeak-ng and the simulator write it.

/**
 * Reads a WAV of 16-bit PCM; of several channels the first.
 * @param {Buffer} bytes
 * @returns {{ samples: Float32Array, rate: number }} samples in −1…1 and their rate in Hz
 */
export function decodeWav(bytes) {
  if (bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 12) !== 'WAVE') {
    throw new Error('expected a RIFF/WAVE file')
  }
  const format = chunk(bytes, 'fmt ')
  const kind = format.readUInt16LE(0)
  const channels = format.readUInt16LE(2)
  const bits = format.readUInt16LE(14)
  if ((kind !== 1 && kind !== 0xfffe) || bits !== 16) throw new Error(`expected 16-bit PCM, found ${bits} bits of kind ${kind}`)
  const data = chunk(bytes, 'data')
  const samples = new Float32Array(Math.floor(data.length / (2 * channels)))
  for (let i = 0; i < samples.length; i++) samples[i] = data.readInt16LE(2 * channels * i) / 32768
  return { samples, rate: format.readUInt32LE(4) }
}

/** Writes mono samples (−1…1) as a 16-bit WAV. */
export function encodeWav({ samples, rate }) {
  const bytes = Buffer.alloc(44 + 2 * samples.length)
  bytes.write('RIFF', 0, 'latin1')
  bytes.writeUInt32LE(bytes.length - 8, 4)
  bytes.write('WAVEfmt ', 8, 'latin1')
  bytes.writeUInt32LE(16, 16)
  bytes.writeUInt16LE(1, 20)
  bytes.writeUInt16LE(1, 22)
  bytes.writeUInt32LE(rate, 24)
  bytes.writeUInt32LE(2 * rate, 28)
  bytes.writeUInt16LE(2, 32)
  bytes.writeUInt16LE(16, 34)
  bytes.write('data', 36, 'latin1')
  bytes.writeUInt32LE(2 * samples.length, 40)
  samples.forEach((sample, i) => {
    bytes.writeInt16LE(Math.max(-32768, Math.min(32767, Math.round(sample * 32768))), 44 + 2 * i)
  })
  return bytes
}

/** The body of the first chunk of that name; a length beyond the end (a file cut while it was written) is cut too. */
function chunk(bytes, name) {
  for (let at = 12; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32LE(at + 4)
    if (bytes.toString('latin1', at, at + 4) === name) return bytes.subarray(at + 8, at + 8 + length)
    at += 8 + length + (length & 1)
  }
  throw new Error(`expected a chunk "${name.trim()}"`)
}
