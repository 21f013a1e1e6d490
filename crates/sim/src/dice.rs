//! Chance that can be repeated.

/// A small generator (SplitMix64, Steele and others 2014): the same seed gives the same throws.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that always fall like this for this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 even bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Evenly from `low` to `high`, both as given when they are equal or crossed.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        let share = (self.bits() >> 11) as f64 / (1_u64 << 53) as f64;
        if high <= low { low } else { low + share * (high - low) }
    }

    /// True in `share` of the throws.
    pub fn falls(&mut self, share: f64) -> bool {
        self.between(0.0, 1.0) < share
    }

    /// Something that looks like the service's handles: a UUID of version 4.
    pub fn uuid(&mut self) -> String {
        let (a, b) = (self.bits(), self.bits());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            0x8000 | (b >> 50),
            b & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn falls_the_same_way_twice() {
        let (mut one, mut two) = (Dice::new(7), Dice::new(7));
        for _ in 0..100 {
            assert_eq!(one.bits(), two.bits());
        }
    }

    #[test]
    fn stays_between_its_bounds() {
        let mut dice = Dice::new(1);
        let throws: Vec<f64> = (0..1000).map(|_| dice.between(40.0, 190.0)).collect();
        assert!(throws.iter().all(|throw| (40.0..190.0).contains(throw)));
        assert!(throws.iter().any(|throw| *throw < 60.0) && throws.iter().any(|throw| *throw > 170.0));
    }

    #[test]
    fn writes_handles_like_uuids() {
        let handle = Dice::new(3).uuid();
        assert_eq!(handle.len(), 36);
        assert_eq!(handle.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_ne!(handle, Dice::new(4).uuid());
    }
}
