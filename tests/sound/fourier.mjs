// The fast Fourier transform, and the cross-correlation that it makes cheap.

/** Transforms `re` and `im` (a power of two long) in place; iterative radix 2. */
export function fft(re, im) {
  const n = re.length
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1
    for (; j & bit; bit >>= 1) j ^= bit
    j ^= bit
    if (i < j) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]]
  }
  for (let size = 2; size <= n; size *= 2) butterflies(re, im, size)
}

/** The lag, in samples, at which `needle` lies best in `hay`, and the normalised correlation (−1…1) there. */
export function findIn(hay, needle) {
  let n = 1
  while (n < hay.length + needle.length) n *= 2
  const [a, ai, b, bi] = [padded(hay, n), new Float64Array(n), padded(needle, n), new Float64Array(n)]
  fft(a, ai)
  fft(b, bi)
  for (let k = 0; k < n; k++) {
    const re = a[k] * b[k] + ai[k] * bi[k]
    // Conjugated, so that a second forward transform does the work of an inverse one.
    ai[k] = -(ai[k] * b[k] - a[k] * bi[k])
    a[k] = re
  }
  fft(a, ai)
  return best(a, n, hay, needle)
}

/** The lag with the highest normalised correlation; `a` is the correlation times n, n long and circular. */
function best(a, n, hay, needle) {
  const power = sumsOfSquares(hay)
  const needlePower = sumsOfSquares(needle).at(-1)
  const within = (from, to) => power[clamp(to, hay.length)] - power[clamp(from, hay.length)]
  // Against next to nothing everything correlates: a place must have some of the needle's loudness to count.
  const least = 0.01 * Math.min(needlePower, power.at(-1)) + 1e-12
  let found = { lag: 0, correlation: -1 }
  for (let lag = 1 - needle.length; lag < hay.length; lag++) {
    const there = Math.max(least, within(lag, lag + needle.length))
    const correlation = a[(lag + n) % n] / n / Math.sqrt(there * needlePower || 1)
    if (correlation > found.correlation) found = { lag, correlation }
  }
  return found
}

/** `out[i]` is the sum of the squares of the first `i` samples. */
function sumsOfSquares(samples) {
  const sums = new Float64Array(samples.length + 1)
  for (let i = 0; i < samples.length; i++) sums[i + 1] = sums[i] + samples[i] ** 2
  return sums
}

const clamp = (i, length) => Math.max(0, Math.min(length, i))

function butterflies(re, im, size) {
  const half = size / 2
  const cos = new Float64Array(half)
  const sin = new Float64Array(half)
  for (let k = 0; k < half; k++) {
    cos[k] = Math.cos(2 * Math.PI * k / size)
    sin[k] = -Math.sin(2 * Math.PI * k / size)
  }
  for (let start = 0; start < re.length; start += size) {
    for (let k = 0; k < half; k++) {
      const [i, j] = [start + k, start + k + half]
      const tr = re[j] * cos[k] - im[j] * sin[k]
      const ti = re[j] * sin[k] + im[j] * cos[k]
      re[j] = re[i] - tr
      im[j] = im[i] - ti
      re[i] += tr
      im[i] += ti
    }
  }
}

function padded(samples, n) {
  const out = new Float64Array(n)
  out.set(samples)
  return out
}
