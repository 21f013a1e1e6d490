//! Opens and closes without a click.

use crate::kernel::sine_of_turns;

/// A gain that glides along a raised cosine. Closed when new.
pub(super) struct Gate {
    from: f32,
    to: f32,
    step: u32,
    steps: u32,
}

impl Gate {
    pub(super) const fn new() -> Self {
        Self { from: 0.0, to: 0.0, step: 0, steps: 0 }
    }

    /// Glides from where it is to `to` within `steps` frames.
    pub(super) fn glide(&mut self, to: f32, steps: u32) {
        *self = Self { from: self.gain(), to, step: 0, steps };
    }

    /// The gain of the next frame.
    pub(super) fn next(&mut self) -> f32 {
        self.step = (self.step + 1).min(self.steps);
        self.gain()
    }

    /// Whether it is where it should be.
    pub(super) fn arrived(&self) -> bool {
        self.step == self.steps
    }

    /// The gain of the frame before.
    pub(super) fn gain(&self) -> f32 {
        if self.arrived() {
            return self.to;
        }
        self.from + (self.to - self.from) * raised_cosine(self.step, self.steps)
    }
}

/// From 0 at step 0 to 1 at step `steps`.
pub(super) fn raised_cosine(step: u32, steps: u32) -> f32 {
    let half_turns = f64::from(step) / f64::from(steps.max(1));
    (0.5 - 0.5 * sine_of_turns(0.25 - half_turns / 2.0)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glides_from_where_it_is() {
        let mut gate = Gate::new();
        assert_eq!(gate.next(), 0.0);
        gate.glide(1.0, 4);
        let rising: Vec<f32> = (0..5).map(|_| gate.next()).collect();
        assert!(rising.is_sorted() && rising[0] > 0.1 && rising[3] == 1.0 && rising[4] == 1.0, "{rising:?}");
        gate.glide(0.0, 4);
        gate.next();
        let on_its_way = gate.next();
        assert!((on_its_way - 0.5).abs() < 1e-6);
        gate.glide(1.0, 2);
        assert!(gate.next() > on_its_way);
        assert_eq!(gate.next(), 1.0);
        assert!(gate.arrived());
    }
}
