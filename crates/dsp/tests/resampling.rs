//! How good the resampler is, measured with tones, at every rate that devices have.

use proptest::prelude::*;
use std::f64::consts::TAU;
use vivavoce_dsp::{RateError, Resampler};

/// The rates of sound cards and headsets.
const DEVICE_RATES_HZ: [u32; 13] =
    [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000];

#[test]
fn capture_is_flat_and_free_of_aliases_at_every_device_rate() {
    for rate in DEVICE_RATES_HZ {
        let mut line = designed(rate, 16_000);
        let nyquist = f64::from(rate) / 2.0;
        let flat_to = (0.86 * nyquist).min(6_900.0);
        let mut ripple: f64 = 0.0;
        for hz in tones(100.0, flat_to) {
            ripple = ripple.max(measure(&mut line, rate, 16_000, hz).gain_db.abs());
        }
        let (mut near, mut far) = (-200.0f64, -200.0f64);
        for hz in (0..40).map(|step| 8_000.0 + 25.0 * f64::from(step)).chain(tones(9_000.0, nyquist - 1.0)) {
            if hz >= nyquist {
                continue;
            }
            let alias = measure(&mut line, rate, 16_000, hz).level_db;
            if hz < 9_000.0 { near = near.max(alias) } else { far = far.max(alias) }
        }
        println!("{rate:6} Hz: ripple {ripple:.3} dB, alias of 8-9 kHz {near:.1} dB, above {far:.1} dB");
        assert!(ripple <= 0.05, "{rate} Hz: ripple {ripple} dB");
        assert!(near <= -75.0, "{rate} Hz: alias {near} dB of 8-9 kHz");
        assert!(far <= -80.0, "{rate} Hz: alias {far} dB of 9 kHz and more");
        if rate >= 16_000 {
            let edge = measure(&mut line, rate, 16_000, 7_200.0).gain_db;
            println!("{rate:6} Hz: {edge:.2} dB at 7.2 kHz");
            assert!(edge >= -1.0, "{rate} Hz: {edge} dB at 7.2 kHz");
        }
    }
}

#[test]
fn capture_adds_no_images_below_the_edge_of_a_narrow_microphone() {
    for rate in [8_000, 11_025, 12_000] {
        let mut line = designed(rate, 16_000);
        let worst = tones(100.0, 0.86 * f64::from(rate) / 2.0)
            .map(|hz| measure(&mut line, rate, 16_000, hz).rest_db)
            .fold(-200.0, f64::max);
        println!("{rate:6} Hz: images {worst:.1} dB");
        assert!(worst <= -70.0, "{rate} Hz: images {worst} dB");
    }
}

#[test]
fn playback_has_no_images_at_any_device_rate() {
    for rate in DEVICE_RATES_HZ {
        let mut line = designed(24_000, rate);
        let nyquist = f64::from(rate.min(24_000)) / 2.0;
        let (mut image, mut ripple) = (-200.0f64, 0.0f64);
        for hz in tones(100.0, (0.8 * nyquist).min(9_600.0)) {
            let found = measure(&mut line, 24_000, rate, hz);
            image = image.max(found.rest_db);
            ripple = ripple.max(found.gain_db.abs());
        }
        let delay_ms = line.delay_samples() / 24.0;
        println!("{rate:6} Hz: images {image:.1} dB, ripple {ripple:.3} dB, delay {delay_ms:.2} ms");
        assert!(image <= -77.0, "{rate} Hz: images {image} dB");
        assert!(ripple <= 0.1, "{rate} Hz: ripple {ripple} dB");
        assert!(rate < 24_000 || delay_ms <= 1.0, "{rate} Hz: {delay_ms} ms");
    }
}

#[test]
fn playback_on_a_narrow_device_has_no_aliases() {
    for rate in [8_000, 11_025, 12_000, 16_000, 22_050] {
        let mut line = designed(24_000, rate);
        let worst = tones(f64::from(rate) / 2.0 * 1.125, 11_990.0)
            .map(|hz| measure(&mut line, 24_000, rate, hz).level_db)
            .fold(-200.0, f64::max);
        println!("{rate:6} Hz: aliases {worst:.1} dB");
        assert!(worst <= -80.0, "{rate} Hz: aliases {worst} dB");
    }
}

#[test]
fn capture_at_48_khz_is_late_by_at_most_2_2_ms() {
    let line = designed(48_000, 16_000);
    assert!(line.delay_samples() / 48.0 <= 2.2);
}

#[test]
fn says_its_delay_truly() {
    for (from, to) in
        [(48_000, 16_000), (44_100, 16_000), (24_000, 48_000), (24_000, 44_100), (47_999, 16_000)]
    {
        let mut line = designed(from, to);
        let mut output = Vec::new();
        let hz = 440.0;
        line.push(&sine(from, hz, 8_000), &mut |sample| output.push(sample));
        let skip = output.len() / 2;
        let fit = fit(&output[skip..], to, hz, skip);
        let phase = fit.0.atan2(fit.1);
        let found = (-phase / TAU / hz).rem_euclid(1.0 / hz);
        let said = line.delay_samples() / f64::from(from);
        assert!((found - said).abs() < 2e-7, "{from} to {to}: said {said}, found {found}");
    }
}

#[test]
fn never_drifts() {
    for (from, to) in [(44_100, 16_000), (47_999, 16_000), (24_000, 44_100), (11_025, 16_000)] {
        let mut line = designed(from, to);
        let mut count = 0u64;
        let second = vec![0.0; from as usize];
        for _ in 0..10 {
            line.push(&second, &mut |_| count += 1);
        }
        assert_eq!(count, u64::from(to) * 10, "{from} to {to}");
    }
}

#[test]
fn odd_rates_are_nearly_as_good_as_common_ones() {
    for (from, to) in
        [(47_999, 16_000), (44_056, 16_000), (383_999, 16_000), (24_000, 47_999), (24_000, 383_999)]
    {
        let mut line = designed(from, to);
        let found = measure(&mut line, from, to, 1_000.0);
        println!("{from} to {to}: rest {:.1} dB", found.rest_db);
        assert!(found.gain_db.abs() < 0.05, "{from} to {to}: {} dB", found.gain_db);
        assert!(found.rest_db < -90.0, "{from} to {to}: rest {} dB", found.rest_db);
    }
}

#[test]
fn passes_a_constant_unchanged() {
    for rate in DEVICE_RATES_HZ {
        let mut line = designed(rate, 16_000);
        let mut output = Vec::new();
        line.push(&vec![0.25; rate as usize / 5], &mut |sample| output.push(sample));
        for &sample in &output[output.len() / 2..] {
            assert!((sample - 0.25).abs() < 1e-6, "{rate} Hz: {sample}");
        }
    }
}

#[test]
fn equal_rates_are_a_copy() {
    let mut line = designed(16_000, 16_000);
    let input = noise(1_000);
    let mut output = Vec::new();
    line.push(&input, &mut |sample| output.push(sample));
    assert_eq!(output, input);
    assert_eq!(line.delay_samples(), 0.0);
}

#[test]
fn recovers_from_what_is_no_number_within_a_filter() {
    let mut line = designed(48_000, 16_000);
    let (mut spoilt, mut clean) = (sine(48_000, 440.0, 4_800), sine(48_000, 440.0, 4_800));
    spoilt[1_000] = f32::NAN;
    spoilt[1_001] = f32::INFINITY;
    (clean[1_000], clean[1_001]) = (0.0, 0.0);
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    line.push(&spoilt, &mut |sample| found.push(sample));
    line.reset();
    line.push(&clean, &mut |sample| expected.push(sample));
    assert_eq!(found, expected);
}

#[test]
fn drains_the_tail_and_begins_anew() {
    let mut line = designed(24_000, 48_000);
    let impulse = [0.0, 0.0, 1.0];
    let mut first = Vec::new();
    line.push(&impulse, &mut |sample| first.push(sample));
    line.drain(&mut |sample| first.push(sample));
    let sum: f32 = first.iter().sum();
    assert!((sum - 2.0).abs() < 1e-5, "the whole impulse came out: {sum}");
    let mut second = Vec::new();
    line.push(&impulse, &mut |sample| second.push(sample));
    line.drain(&mut |sample| second.push(sample));
    assert_eq!(first, second);
}

#[test]
fn refuses_absurd_rates_with_a_sentence() {
    let mut line = Box::new(Resampler::new());
    for (from_hz, to_hz) in [
        (0, 16_000),
        (16_000, 0),
        (1_000_000_000, 16_000),
        (2_999, 16_000),
        (384_000, 8_000),
        (u32::MAX, 3_000),
    ] {
        assert_eq!(line.design(from_hz, to_hz), Err(RateError { from_hz, to_hz }));
    }
    let sentence = line.design(0, 16_000).unwrap_err().to_string();
    assert!(
        sentence.contains("0 Hz") && sentence.contains("3000") && sentence.contains("384000"),
        "{sentence}"
    );
}

#[test]
fn swallows_everything_before_it_has_rates() {
    let mut line = Box::new(Resampler::new());
    line.push(&[0.5; 10_000], &mut |_| panic!("nothing can come out"));
    line.drain(&mut |_| panic!("nothing can come out"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn blocks_make_no_difference(
        from in prop_oneof![Just(48_000u32), Just(44_100), Just(47_999), 3_000u32..=384_000],
        blocks in prop::collection::vec(1usize..=4_096, 1..12),
    ) {
        let mut line = designed(from, 16_000);
        let input = noise(blocks.iter().sum());
        let (mut whole, mut pieces) = (Vec::new(), Vec::new());
        line.push(&input, &mut |sample| whole.push(sample));
        line.reset();
        let mut rest = &input[..];
        for block in blocks {
            let (now, later) = rest.split_at(block);
            line.push(now, &mut |sample| pieces.push(sample));
            rest = later;
        }
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn any_pair_of_rates_gives_as_many_samples_as_time_passed(from in 3_000u32..=384_000, to in 3_000u32..=384_000) {
        prop_assume!(from <= to * 24);
        let mut line = designed(from, to);
        let mut count = 0u64;
        line.push(&vec![0.1; 2_000], &mut |sample| {
            assert!(sample.abs() < 0.2);
            count += 1;
        });
        prop_assert_eq!(count, (2_000 * u64::from(to)).div_ceil(u64::from(from)));
    }
}

/// What became of a tone.
struct Found {
    /// Its own level, relative to the input's.
    gain_db: f64,
    /// Everything that came out.
    level_db: f64,
    /// What came out beside it, relative to the input's level.
    rest_db: f64,
}

fn measure(line: &mut Resampler, from: u32, to: u32, hz: f64) -> Found {
    let skip = (line.length_samples() as f64 * f64::from(to) / f64::from(from)).ceil() as usize + 2;
    let count = skip + (to as usize / 20).min(2_000);
    let input = sine(from, hz, count * from as usize / to as usize + 1);
    let mut output = Vec::new();
    line.reset();
    line.push(&input, &mut |sample| output.push(sample));
    let output = &output[skip..];
    let (cosine, sine) = fit(output, to, hz, skip);
    let mut rest = 0.0;
    for (index, &sample) in output.iter().enumerate() {
        let angle = TAU * hz * (index + skip) as f64 / f64::from(to);
        rest += (f64::from(sample) - cosine * angle.cos() - sine * angle.sin()).powi(2);
    }
    let level = output.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>();
    let db = |power: f64| 10.0 * (power / 0.125 + 1e-20).log10();
    Found {
        gain_db: db((cosine * cosine + sine * sine) / 2.0),
        level_db: db(level / output.len() as f64),
        rest_db: db(rest / output.len() as f64),
    }
}

/// Least squares of a tone's cosine and sine parts; `skip` samples came before.
fn fit(output: &[f32], rate: u32, hz: f64, skip: usize) -> (f64, f64) {
    let (mut cc, mut ss, mut cs, mut cy, mut sy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (index, &sample) in output.iter().enumerate() {
        let (s, c) = (TAU * hz * (index + skip) as f64 / f64::from(rate)).sin_cos();
        let y = f64::from(sample);
        (cc, ss, cs, cy, sy) = (cc + c * c, ss + s * s, cs + c * s, cy + c * y, sy + s * y);
    }
    let det = cc * ss - cs * cs;
    ((cy * ss - sy * cs) / det, (sy * cc - cy * cs) / det)
}

fn designed(from: u32, to: u32) -> Box<Resampler> {
    let mut line = Box::new(Resampler::new());
    line.design(from, to).expect("rates are allowed");
    line
}

/// A tone at −6 dBFS.
fn sine(rate: u32, hz: f64, count: usize) -> Vec<f32> {
    (0..count).map(|index| (0.5 * (TAU * hz * index as f64 / f64::from(rate)).sin()) as f32).collect()
}

/// Every 211 Hz between, both ends included.
fn tones(low: f64, high: f64) -> impl Iterator<Item = f64> {
    let steps = ((high - low) / 211.0).max(-1.0).floor() as i64;
    (0..=steps).map(move |step| low + 211.0 * step as f64).chain((high > low).then_some(high))
}

/// The same pseudo-random samples at each call.
fn noise(count: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0 - 0.5
    };
    (0..count).map(|_| next()).collect()
}
