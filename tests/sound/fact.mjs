// Waiting for something to be so, rather than for time to pass.

/**
 * Asks `look` again and again until it says something true, and returns that.
 * @throws {Error} naming `fact` where it is not so within `patience_ms`; `why` may add what was seen instead
 */
export async function until(fact, look, { patience_ms = 15_000, every_ms = 20, why = () => '' } = {}) {
  const end = Date.now() + patience_ms
  for (;;) {
    const seen = await look()
    if (seen) return seen
    if (Date.now() > end) throw new Error(`waited ${patience_ms / 1000} s in vain until ${fact} ${await why()}`.trim())
    await new Promise(resolve => setTimeout(resolve, every_ms))
  }
}

/** Waits for a promise that comes true by itself, but no longer than `patience_ms`. */
export async function within(patience_ms, fact, promise) {
  let late
  const patience = new Promise((_, reject) => {
    late = setTimeout(() => reject(new Error(`waited ${patience_ms / 1000} s in vain until ${fact}`)), patience_ms)
  })
  try {
    return await Promise.race([promise, patience])
  } finally {
    clearTimeout(late)
  }
}
