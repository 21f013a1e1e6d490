//! The audio lines: resampling, framing, playout.
