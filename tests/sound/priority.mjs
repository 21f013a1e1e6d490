// Sound has deadlines: what carries it goes before whatever else the machine does.

import { setPriority } from 'node:os'

/** Lets a started program, and all that it starts, go before others where we may say so; returns it. */
export function hurried(child) {
  try {
    if (child.pid) setPriority(child.pid, HURRY)
  } catch { /* Only root may; the others live with what the machine has. */ }
  return child
}

const HURRY = -12
