//! When the model's voice came: turn by turn, chunk by chunk.

use core::fmt::Write;
use vivavoce_dsp::MODEL_HZ;

/// The arrivals of one turn, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    /// Its number in the file; only for people.
    pub number: u32,
    /// What came when.
    pub chunks: Vec<Chunk>,
}

/// Some of the voice, and when it came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chunk {
    /// Milliseconds since some moment before the trace.
    pub arrival_ms: f64,
    /// Its length in 24 kHz samples.
    pub samples: u32,
}

impl Turn {
    /// Its length in samples.
    pub fn samples(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.samples)).sum()
    }

    /// Its length in milliseconds.
    pub fn speech_ms(&self) -> f64 {
        self.samples() as f64 * 1_000.0 / f64::from(MODEL_HZ)
    }

    /// When its first chunk came; 0 for a turn of nothing.
    pub fn first_ms(&self) -> f64 {
        self.chunks.first().map_or(0.0, |chunk| chunk.arrival_ms)
    }
}

/// Reads lines of `turn,arrival_ms,samples[,end]`. Blank lines, lines that begin with `#`, and a first line of
/// headings are passed over. A turn ends with its last line, whether it says `end` or not.
///
/// # Errors
/// A sentence that names the first line which is none of these, or a turn whose lines are apart or go
/// back in time.
pub fn read(text: &str) -> Result<Vec<Turn>, String> {
    let mut turns: Vec<Turn> = Vec::new();
    let mut ended = false;
    for (index, line) in text.lines().enumerate() {
        let (line, number) = (line.trim(), index + 1);
        if line.is_empty() || line.starts_with('#') || (number == 1 && line.starts_with("turn")) {
            continue;
        }
        let (turn, chunk, end) = parse(line).ok_or_else(|| {
            format!("Line {number} of the trace is not `turn,arrival_ms,samples[,end]`: {line}")
        })?;
        let is_new = turns.last().is_none_or(|last| last.number != turn);
        if is_new && turns.iter().any(|known| known.number == turn) {
            return Err(format!(
                "Line {number} of the trace goes back to turn {turn}: keep a turn's lines together."
            ));
        }
        if is_new {
            turns.push(Turn { number: turn, chunks: Vec::new() });
        } else if ended {
            return Err(format!("Line {number} of the trace adds to turn {turn}, which has ended before."));
        }
        let Some(last) = turns.last_mut() else { continue };
        if last.chunks.last().is_some_and(|before| before.arrival_ms > chunk.arrival_ms) {
            return Err(format!("Line {number} of the trace arrives before the line above it."));
        }
        last.chunks.push(chunk);
        ended = end;
    }
    Ok(turns)
}

fn parse(line: &str) -> Option<(u32, Chunk, bool)> {
    let mut fields = line.split(',').map(str::trim);
    let turn = fields.next()?.parse().ok()?;
    let arrival_ms: f64 = fields.next()?.parse().ok()?;
    let samples = fields.next()?.parse().ok()?;
    let end = match fields.next() {
        None | Some("" | "0") => false,
        Some("end" | "1") => true,
        Some(_) => return None,
    };
    let is_whole = fields.next().is_none() && arrival_ms.is_finite() && arrival_ms >= 0.0;
    is_whole.then_some((turn, Chunk { arrival_ms, samples }, end))
}

/// Writes what [`read`] reads.
pub fn write(turns: &[Turn]) -> String {
    let mut text = String::from("turn,arrival_ms,samples,end\n");
    for turn in turns {
        for (index, chunk) in turn.chunks.iter().enumerate() {
            let end = if index + 1 == turn.chunks.len() { ",end" } else { "" };
            // Writing to a string never fails.
            let _ = writeln!(text, "{},{:.3},{}{end}", turn.number, chunk.arrival_ms, chunk.samples);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let turns = vec![
            Turn { number: 1, chunks: vec![Chunk { arrival_ms: 0.5, samples: 960 }] },
            Turn {
                number: 4,
                chunks: vec![
                    Chunk { arrival_ms: 10.0, samples: 960 },
                    Chunk { arrival_ms: 30.0, samples: 1 },
                ],
            },
        ];
        assert_eq!(read(&write(&turns)), Ok(turns));
    }

    #[test]
    fn names_the_line_that_it_cannot_read() {
        for (text, words) in [
            ("1,0,960\n1,x,960", "Line 2"),
            ("1,0,960\n1,5,960,maybe", "Line 2"),
            ("1,5,960\n1,0,960", "before"),
            ("1,0,960,end\n1,5,960", "ended"),
            ("1,0,960\n2,5,960\n1,9,960", "together"),
            ("1,inf,960", "Line 1"),
        ] {
            let complaint = read(text).unwrap_err();
            assert!(complaint.contains(words), "{complaint}");
        }
    }
}
