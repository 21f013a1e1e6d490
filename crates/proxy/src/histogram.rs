//! Times, counted by how long they are; cheap enough for every frame of every call, for nobody waits for a lock, and who has many
//! notes them for themselves first.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use std::sync::Arc;

/// How many times there were up to each bound.
#[derive(Clone, Debug)]
pub(crate) struct Histogram(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    bounds: &'static [Duration],
    /// One for each bound, and one for what is longer than all.
    counts: Vec<AtomicU64>,
    sum_ns: AtomicU64,
}

/// Times that have yet to be counted with the others.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    counts: [u32; MOST_BOUNDS + 1],
    sum_ns: u64,
}

impl Histogram {
    /// Up to [`MOST_BOUNDS`] bounds are given, shortest first.
    pub(crate) fn new(bounds: &'static [Duration]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Counts { bounds, counts, sum_ns: AtomicU64::new(0) }))
    }

    /// Something took this long.
    pub(crate) fn took(&self, time: Duration) {
        let mut notes = Notes::default();
        self.note(&mut notes, time);
        self.count(&mut notes);
    }

    /// Notes that something took this long.
    pub(crate) fn note(&self, notes: &mut Notes, time: Duration) {
        let bounds = self.0.bounds;
        let place = bounds.iter().position(|&bound| time <= bound).unwrap_or(bounds.len());
        notes.counts[place] += 1;
        notes.sum_ns = notes.sum_ns.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Counts what was noted.
    pub(crate) fn count(&self, notes: &mut Notes) {
        let Counts { counts, sum_ns, .. } = &*self.0;
        let Notes { counts: noted, sum_ns: noted_ns } = core::mem::take(notes);
        for (count, noted) in counts.iter().zip(noted).filter(|(_, noted)| *noted > 0) {
            count.fetch_add(noted.into(), Ordering::Relaxed);
        }
        sum_ns.fetch_add(noted_ns, Ordering::Relaxed);
    }
}

const MOST_BOUNDS: usize = 15;

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), core::fmt::Error> {
        let Counts { bounds, counts, sum_ns } = &*self.0;
        let ends = bounds.iter().map(Duration::as_secs_f64).chain([f64::INFINITY]);
        let buckets: Vec<_> = ends.zip(counts.iter().map(|count| count.load(Ordering::Relaxed))).collect();
        let all = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_nanos(sum_ns.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, all, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    #[test]
    fn says_how_many_took_no_longer_than_each_bound() {
        const BOUNDS: &[Duration] = &[Duration::from_millis(1), Duration::from_millis(10)];
        let times = Histogram::new(BOUNDS);
        let mut notes = Notes::default();
        for ms in [2, 10] {
            times.note(&mut notes, Duration::from_millis(ms));
        }
        for ms in [1, 11] {
            times.took(Duration::from_millis(ms));
            times.count(&mut notes);
        }
        let (mut registry, mut text) = (Registry::default(), String::new());
        registry.register("times", "Times", times);
        encode(&mut text, &registry).unwrap();
        for line in [
            "times_sum 0.024",
            "times_count 4",
            "times_bucket{le=\"0.001\"} 1",
            "times_bucket{le=\"0.01\"} 3",
            "times_bucket{le=\"+Inf\"} 4",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
