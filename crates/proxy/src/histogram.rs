//! Times, counted by how long they are; cheap enough for every frame of every call, for nobody waits for a lock.

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

impl Histogram {
    /// Bounds are given shortest first.
    pub(crate) fn new(bounds: &'static [Duration]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Counts { bounds, counts, sum_ns: AtomicU64::new(0) }))
    }

    /// Something took this long.
    pub(crate) fn took(&self, time: Duration) {
        let Counts { bounds, counts, sum_ns } = &*self.0;
        let place = bounds.iter().position(|&bound| time <= bound).unwrap_or(bounds.len());
        counts[place].fetch_add(1, Ordering::Relaxed);
        sum_ns.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

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
        for ms in [1, 2, 10, 11] {
            times.took(Duration::from_millis(ms));
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
