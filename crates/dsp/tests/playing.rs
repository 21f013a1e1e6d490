//! What the player does with turns: order, thresholds, cuts, counts, and how clean its edges are.

use proptest::prelude::*;
use vivavoce_dsp::player::{Report, Tally, Thresholds, Yielding};
use vivavoce_dsp::{Player, Resampler, pcm};

/// Two seconds are enough for stories.
type Line = Player<48_000>;

#[test]
fn waits_for_80_ms_and_then_plays_every_sample() {
    let mut line = designed(48_000);
    let voice = voice(4_800);
    line.push(1, 0, &voice[..1_919]);
    assert!(pull(&mut line, 4_800).iter().all(|&sample| sample == 0.0));
    line.push(1, 1_919, &voice[1_919..]);
    line.end(1, 4_800);
    let output = pull(&mut line, 9_600 + 480);
    let mut resampler = Box::new(Resampler::new());
    resampler.design(24_000, 48_000).expect("rates are allowed");
    let mut expected = Vec::new();
    let floats: Vec<f32> = pcm::floats(voice.iter().copied()).collect();
    resampler.push(&floats, &mut |sample| expected.push(sample));
    for index in 144..9_600 {
        assert_eq!(output[index], expected[index], "sample {index}");
    }
    assert_eq!(line.tally(), Tally { taken: 4_800, played: 4_800, ..Tally::default() });
}

#[test]
fn a_short_turn_plays_at_once_when_its_end_is_known() {
    let mut line = designed(44_100);
    line.push(1, 0, &voice(500));
    line.end(1, 500);
    assert!(loud(&pull(&mut line, 441)));
    pull(&mut line, 2_000);
    assert_eq!(line.tally().played, 500);
    assert_eq!(pull(&mut line, 4_410), vec![0.0; 4_410]);
    assert_eq!(line.report().underruns, 0);
}

#[test]
fn starves_into_silence_and_returns_when_enough_is_there() {
    let mut line = designed(48_000);
    let voice = voice(24_000);
    line.push(1, 0, &voice[..4_800]);
    pull(&mut line, 9_600 + 4_800);
    assert_eq!(pull(&mut line, 480), vec![0.0; 480]);
    let report = line.report();
    assert_eq!((report.underruns, report.heard_samples, report.sounding), (1, 4_800, false));
    assert_eq!(report.concealed_samples, 60 * 24);
    line.push(1, 4_800, &voice[4_800..4_800 + 2_879]);
    assert_eq!(pull(&mut line, 480), vec![0.0; 480]);
    line.push(1, 7_679, &voice[7_679..7_680]);
    assert!(loud(&pull(&mut line, 480)));
    assert_eq!(line.report().underruns, 1);
}

#[test]
fn a_stalled_turn_goes_on_at_once_when_its_end_is_known() {
    let mut line = designed(48_000);
    let voice = voice(6_000);
    line.push(1, 0, &voice[..4_800]);
    pull(&mut line, 12_000);
    line.push(1, 4_800, &voice[4_800..]);
    line.end(1, 6_000);
    assert!(loud(&pull(&mut line, 480)));
    pull(&mut line, 4_800);
    assert_eq!(line.tally().played, 6_000);
}

#[test]
fn an_ended_turn_is_over_even_if_some_of_it_never_comes() {
    let mut line = designed(48_000);
    line.push(1, 0, &voice(4_800));
    line.end(1, 9_600);
    pull(&mut line, 12_000);
    line.push(1, 4_800, &voice(240));
    assert!(loud(&pull(&mut line, 480)), "what comes late still plays");
    pull(&mut line, 53_000);
    assert_eq!(line.push(1, 5_040, &voice(240)), 240);
    assert_eq!(line.tally().refused, 240, "a second later the turn is over");
    let mut last = None;
    while let Some(notice) = line.next_notice() {
        last = Some((notice.epoch, notice.heard_samples));
    }
    assert_eq!(last, Some((1, 5_040)));
}

#[test]
fn a_flush_is_silent_after_5_ms_and_stays_so() {
    for rate in [8_000, 44_100, 48_000, 192_000] {
        let mut line = designed(rate);
        line.push(1, 0, &voice(24_000));
        pull(&mut line, rate as usize / 10);
        line.flush(1);
        let fade = (rate / 200) as usize;
        assert!(loud(&pull(&mut line, fade)), "{rate} Hz: fades");
        assert_eq!(pull(&mut line, rate as usize), vec![0.0; rate as usize], "{rate} Hz");
        let tally = line.tally();
        assert_eq!(tally.played + tally.flushed, 24_000);
        assert_eq!(line.push(1, 24_000, &[9; 100]), 100);
        line.end(1, 24_100);
        assert_eq!(pull(&mut line, 4_800), vec![0.0; 4_800]);
        assert_eq!(line.tally().refused, 100);
    }
}

#[test]
fn late_audio_of_a_dead_turn_never_sounds_and_a_newer_turn_does_not_wait() {
    let mut line = designed(48_000);
    line.push(1, 0, &voice(20_000));
    pull(&mut line, 4_800);
    line.push(2, 0, &voice(4_000));
    line.flush(1);
    line.push(1, 20_000, &voice(4_000));
    pull(&mut line, 240);
    assert!(loud(&pull(&mut line, 480)), "turn 2 begins when turn 1 is silent");
    assert_eq!(line.report().epoch, 2);
    line.end(2, 4_000);
    pull(&mut line, 9_600);
    assert_eq!(line.tally().played + line.tally().flushed, 24_000);
}

#[test]
fn a_turn_flushed_before_its_first_sample_never_sounds() {
    let mut line = designed(48_000);
    line.flush(5);
    for epoch in [0, 3, 5] {
        assert_eq!(line.push(epoch, 0, &voice(4_000)), 4_000);
        line.end(epoch, 4_000);
    }
    assert_eq!(pull(&mut line, 4_800), vec![0.0; 4_800]);
    line.push(6, 0, &voice(4_000));
    assert!(loud(&pull(&mut line, 4_800)));
}

#[test]
fn turns_play_one_after_the_other() {
    let mut line = designed(48_000);
    line.push(1, 0, &voice(3_000));
    line.end(1, 3_000);
    line.push(2, 0, &voice(3_000));
    line.end(2, 3_000);
    let mut told = Vec::new();
    for _ in 0..200 {
        pull(&mut line, 100);
        while let Some(Report { epoch, heard_samples, .. }) = line.next_notice() {
            told.push((epoch, heard_samples));
        }
    }
    let expected = [(1, 0), (1, 3_000), (2, 0), (2, 3_000)];
    assert_eq!(told.len(), 4, "{told:?}");
    for (found, expected) in told.iter().zip(expected) {
        assert!(found.0 == expected.0 && found.1.abs_diff(expected.1) < 100, "{told:?}");
    }
    assert_eq!(told[1], expected[1]);
    assert_eq!(told[3], expected[3]);
}

#[test]
fn a_full_ring_takes_what_fits_and_the_rest_later() {
    let mut line = designed(48_000);
    let voice = voice(60_000);
    let mut position = line.push(1, 0, &voice);
    assert_eq!(position, 48_000 - 1_536);
    assert_eq!(line.push(1, position as u64, &voice[position..]), 0);
    while position < voice.len() {
        pull(&mut line, 480);
        position += line.push(1, position as u64, &voice[position..]);
    }
    line.end(1, 60_000);
    pull(&mut line, 120_000);
    assert_eq!(line.tally().played, 60_000);
    assert_eq!(line.report().underruns, 0);
}

#[test]
fn a_gap_is_silence_and_an_overlap_is_left_out() {
    let mut line = designed(24_000);
    line.push(1, 0, &[1_000; 2_400]);
    line.push(1, 1_200, &[2_000; 2_400]);
    line.push(1, 4_800, &[3_000; 240]);
    line.end(1, 5_040);
    let output = pull(&mut line, 5_040);
    assert_eq!(output[2_399], 1_000.0 / 32_768.0);
    assert_eq!(output[2_400], 2_000.0 / 32_768.0);
    assert_eq!(output[3_600..4_800], [0.0; 1_200]);
    assert_eq!(output[4_800], 3_000.0 / 32_768.0);
    let Tally { taken, filled, trimmed, .. } = line.tally();
    assert_eq!((taken, filled, trimmed), (3_840, 1_200, 1_200));
}

#[test]
fn a_far_jump_is_played_right_on_and_heard_where_it_is() {
    let mut line = designed(24_000);
    line.push(1, 0, &voice(2_400));
    line.push(1, 1_000_000, &voice(2_400));
    line.end(1, 1_002_400);
    pull(&mut line, 2_400 + 1_200);
    assert_eq!(line.report().heard_samples, 1_001_200);
    pull(&mut line, 2_400);
    assert_eq!(line.report().heard_samples, 1_002_400);
    assert_eq!(line.report().underruns, 0);
}

#[test]
fn a_new_player_may_begin_in_the_middle_of_a_turn() {
    let mut line = designed(48_000);
    line.push(4, 100_000, &voice(4_800));
    line.end(4, 104_800);
    pull(&mut line, 4_800);
    assert!(line.report().heard_samples.abs_diff(102_400) <= 20);
    pull(&mut line, 9_600);
    assert_eq!(line.report().heard_samples, 104_800);
}

#[test]
fn what_is_on_its_way_through_the_air_is_not_heard_yet() {
    let mut line = designed(48_000);
    line.set_latency(4_800);
    line.push(1, 0, &voice(24_000));
    pull(&mut line, 9_600);
    assert!(line.report().heard_samples.abs_diff(2_400) <= 20, "{:?}", line.report());
    line.flush(1);
    let at_the_cut = line.report().heard_samples;
    pull(&mut line, 9_600);
    let last = line.report().heard_samples;
    assert!(last.abs_diff(at_the_cut + 2_400) <= 21, "the listener still hears what was on its way");
    assert!(last <= line.tally().played);
}

#[test]
fn the_position_heard_stands_still_in_a_stall() {
    let mut line = designed(44_100);
    let voice = voice(24_000);
    line.push(1, 0, &voice[..2_400]);
    pull(&mut line, 44_100);
    assert_eq!(line.report().heard_samples, 2_400);
    line.push(1, 2_400, &voice[2_400..12_000]);
    pull(&mut line, 4_410);
    assert!(line.report().heard_samples.abs_diff(4_800) <= 25);
}

#[test]
fn thresholds_can_be_set_and_never_exceed_the_ring() {
    let mut line = designed(48_000);
    line.set_thresholds(Thresholds { start_samples: 240, restart_samples: u32::MAX });
    line.push(1, 0, &voice(240));
    assert!(loud(&pull(&mut line, 480)));
    pull(&mut line, 4_800);
    line.push(1, 240, &voice(40_000));
    assert!(loud(&pull(&mut line, 480)));
}

#[test]
fn full_scale_never_clips_or_wraps() {
    let mut line = designed(44_100);
    let square: Vec<i16> =
        (0..24_000).map(|index| if index / 7 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    line.push(1, 0, &square);
    let output = pull(&mut line, 22_050);
    assert!(output.iter().all(|sample| sample.abs() < 1.0));
    assert!(line.take_loudness().peak > 0.9);
}

#[test]
fn edges_do_not_click() {
    for rate in [44_100, 48_000] {
        let mut worst = [-200.0f64; 3];
        for phase in 0..25 {
            let offset = 7 * phase;
            let voice = &steady_voice(24_000)[offset..];
            let mut line = designed(rate);
            line.push(1, 0, &voice[..9_600 + offset]);
            let start = pull(&mut line, rate as usize / 10);
            worst[0] = worst[0].max(click_db(&start, rate));
            let mut all = start;
            all.extend(pull(&mut line, rate as usize / 2));
            worst[1] = worst[1].max(click_db(&all[rate as usize / 5..], rate));
            line.push(1, 9_600 + offset as u64, &voice[9_600..20_000]);
            let mut cut = pull(&mut line, rate as usize / 20);
            line.flush(1);
            cut.extend(pull(&mut line, rate as usize / 20));
            worst[2] = worst[2].max(click_db(&cut[rate as usize / 50..], rate));
        }
        println!("{rate} Hz: start {:.1} dB, starved {:.1} dB, flush {:.1} dB", worst[0], worst[1], worst[2]);
        for (edge, found, allowed) in
            [("start", worst[0], -75.0), ("starved", worst[1], -75.0), ("flush", worst[2], -75.0)]
        {
            assert!(found <= allowed, "{rate} Hz: {edge} {found:.1} dB");
        }
    }
}

#[test]
fn a_short_gap_is_covered_and_the_voice_comes_back_over_it() {
    let mut line = designed(48_000);
    line.set_thresholds(Thresholds::of_ms(0, 0));
    line.set_slow_play(false);
    let voice = steady_voice(24_000);
    line.push(1, 0, &voice[..4_800]);
    let mut output = pull(&mut line, 9_600 + 1_920);
    line.push(1, 4_800, &voice[4_800..]);
    output.extend(pull(&mut line, 9_600));
    let quiet = |window: &[f32]| window.iter().all(|sample| sample.abs() < 0.001);
    assert!(!output[480..].windows(240).any(quiet), "no silence");
    assert!(click_db(&output[4_800..], 48_000) <= -70.0, "{:.1} dB", click_db(&output[4_800..], 48_000));
    let report = line.report();
    assert_eq!((report.underruns, report.concealed_samples), (1, 960 + 120));
}

#[test]
fn slow_play_lasts_a_ninth_longer_and_is_heard_at_the_source_s_pace() {
    let mut line = designed(48_000);
    let voice = steady_voice(24_000);
    let mut output = Vec::new();
    for (index, chunk) in voice.chunks(1_200).enumerate() {
        line.push(1, index as u64 * 1_200, chunk);
        output.extend(pull(&mut line, 2_400));
    }
    let report = line.report();
    assert!(report.stretched_samples > 1_500, "{report:?}");
    assert_eq!(report.underruns, 0);
    let out = line.tally().played - report.heard_samples;
    assert!(out <= 40, "{out} samples are on their way");
    assert!(click_db(&output[480..], 48_000) <= -50.0, "{:.1} dB", click_db(&output[480..], 48_000));
}

#[test]
fn a_duck_is_12_db_within_20_ms_and_a_flush_ends_it() {
    let mut line = designed(48_000);
    line.push(1, 0, &steady_voice(40_000));
    let before = rms(&pull(&mut line, 9_600)[4_800..]);
    line.give_way(Yielding::Duck);
    pull(&mut line, 960);
    let ducked = rms(&pull(&mut line, 4_800));
    let depth_db = 20.0 * (before / ducked).log10();
    assert!((depth_db - 12.0).abs() < 0.2, "{depth_db:.2} dB");
    line.push(2, 0, &steady_voice(4_800));
    line.flush(1);
    pull(&mut line, 960);
    let next = rms(&pull(&mut line, 4_800));
    assert!((next / before - 1.0).abs() < 0.05, "a new turn is as loud as ever: {next} of {before}");
}

#[test]
fn a_voice_that_was_held_goes_on_at_the_very_sample() {
    for hold_at in [9_600, 10_001, 12_345] {
        let mut line = designed(48_000);
        let voice = voice(24_000);
        line.push(1, 0, &voice);
        line.end(1, 24_000);
        let mut output = pull(&mut line, hold_at);
        let played = line.tally().played;
        line.give_way(Yielding::Hold);
        output.extend(pull(&mut line, 480));
        assert_eq!(pull(&mut line, 48_000), vec![0.0; 48_000]);
        assert_eq!((line.tally().played, line.report().sounding), (played, false));
        line.give_way(Yielding::Not);
        output.extend(pull(&mut line, 48_000));
        assert_eq!(line.tally().played, 24_000);
        assert!(click_db(&output[..hold_at + 4_800], 48_000) <= -20.0);
        let mut expected = designed(48_000);
        expected.push(1, played, &voice[played as usize..]);
        expected.end(1, 24_000);
        let rest = pull(&mut expected, 24_000);
        let resumed = &output[hold_at + 480..][..24_000];
        assert_eq!(&resumed[144..], &rest[144..], "held at {hold_at}");
    }
}

#[test]
fn a_flush_ends_a_hold_and_a_newer_turn_sounds_at_once() {
    let mut line = designed(48_000);
    line.push(1, 0, &voice(20_000));
    pull(&mut line, 4_800);
    line.give_way(Yielding::Hold);
    line.push(2, 0, &voice(4_000));
    pull(&mut line, 4_800);
    line.flush(1);
    assert!(loud(&pull(&mut line, 480)));
    assert_eq!(line.report().epoch, 2);
}

/// Something done to a player.
#[derive(Clone, Debug)]
enum Deed {
    Push { epoch: u32, skip: i64, count: usize },
    End { epoch: u32 },
    Flush { epoch: u32 },
    Yield { how: u8 },
    Pull { frames: usize },
    Thresholds { start: u32, restart: u32 },
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        6 => (0u32..3, prop_oneof![8 => Just(0i64), 1 => -2_000i64..30_000], 0usize..9_000)
            .prop_map(|(epoch, skip, count)| Deed::Push { epoch, skip, count }),
        1 => (0u32..3).prop_map(|epoch| Deed::End { epoch }),
        1 => (0u32..3).prop_map(|epoch| Deed::Flush { epoch }),
        1 => (0u8..3).prop_map(|how| Deed::Yield { how }),
        6 => (0usize..6_000).prop_map(|frames| Deed::Pull { frames }),
        1 => (0u32..9_000, 0u32..9_000).prop_map(|(start, restart)| Deed::Thresholds { start, restart }),
    ];
    prop::collection::vec(deed, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_samples_are_conserved_and_blocks_make_no_difference(
        deeds in deeds(), rate in 3_000u32..100_000, block in 1usize..=4_096,
    ) {
        let (mut one, mut other) = (designed(rate), designed(rate));
        let mut base = 0;
        let mut positions = std::collections::HashMap::new();
        for deed in deeds {
            match deed {
                Deed::Push { epoch, skip, count } => {
                    let at = positions.entry(base + epoch).or_insert(0u64);
                    *at = at.saturating_add_signed(skip);
                    let voice = voice(count);
                    let taken = one.push(base + epoch, *at, &voice);
                    prop_assert_eq!(taken, other.push(base + epoch, *at, &voice));
                    prop_assert!(taken <= count);
                    *at += taken as u64;
                }
                Deed::End { epoch } => {
                    let at = positions.get(&(base + epoch)).copied().unwrap_or(0);
                    one.end(base + epoch, at);
                    other.end(base + epoch, at);
                }
                Deed::Flush { epoch } => {
                    one.flush(base + epoch);
                    other.flush(base + epoch);
                    base += 1;
                }
                Deed::Yield { how } => {
                    let how = [Yielding::Not, Yielding::Duck, Yielding::Hold][usize::from(how)];
                    one.give_way(how);
                    other.give_way(how);
                }
                Deed::Pull { frames } => {
                    let whole = pull(&mut one, frames);
                    prop_assert!(whole.iter().all(|sample| sample.abs() <= 1.0));
                    let pieces: Vec<f32> = whole.chunks(block).flat_map(|piece| pull(&mut other, piece.len())).collect();
                    prop_assert_eq!(whole, pieces);
                }
                Deed::Thresholds { start, restart } => {
                    let thresholds = Thresholds { start_samples: start, restart_samples: restart };
                    one.set_thresholds(thresholds);
                    other.set_thresholds(thresholds);
                }
            }
            prop_assert_eq!(one.report(), other.report());
            prop_assert_eq!(one.tally(), other.tally());
            let Tally { taken, filled, played, flushed, .. } = one.tally();
            prop_assert_eq!(taken + filled, played + flushed + one.report().buffered_samples);
        }
        one.flush(u32::MAX);
        pull(&mut one, rate as usize / 50);
        prop_assert_eq!(pull(&mut one, 1_000), vec![0.0; 1_000]);
        prop_assert_eq!(one.report().buffered_samples, 0);
    }
}

fn designed(rate: u32) -> Box<Line> {
    let mut line = Box::new(Line::new());
    line.design(rate).expect("the rate is allowed");
    line
}

fn pull(line: &mut Line, frames: usize) -> Vec<f32> {
    let mut output = vec![f32::NAN; frames];
    line.pull(&mut output);
    output
}

fn rms(output: &[f32]) -> f64 {
    let sum: f64 = output.iter().map(|&sample| f64::from(sample) * f64::from(sample)).sum();
    (sum / output.len() as f64).sqrt()
}

fn loud(output: &[f32]) -> bool {
    output.iter().any(|sample| sample.abs() > 0.01)
}

/// A hoarse voice at 120 Hz, never quiet for long.
fn voice(count: usize) -> Vec<i16> {
    let tone = |index: usize, hz: f64| (index as f64 * hz * std::f64::consts::TAU / 24_000.0).sin();
    (0..count)
        .map(|index| {
            (8_000.0 * tone(index, 120.0) + 4_000.0 * tone(index, 361.0) + 900.0 * tone(index, 2_901.0))
                as i16
        })
        .collect()
}

/// A voice with 25 harmonics of 120 Hz and nothing above 3 kHz.
fn steady_voice(count: usize) -> Vec<i16> {
    let sample = |index: usize| -> f64 {
        (1..=25)
            .map(|harmonic| {
                let angle = index as f64 * 120.0 * f64::from(harmonic) * std::f64::consts::TAU / 24_000.0;
                (angle + f64::from(harmonic * harmonic)).sin() / f64::from(harmonic)
            })
            .sum()
    };
    (0..count).map(|index| (6_000.0 * sample(index)).round() as i16).collect()
}

/// The loudest 2 ms above 4 kHz, relative to the voice's rms.
fn click_db(output: &[f32], rate: u32) -> f64 {
    let taps = high_pass(rate);
    let high: Vec<f64> = output
        .windows(taps.len())
        .map(|window| window.iter().zip(&taps).map(|(&sample, tap)| f64::from(sample) * tap).sum())
        .collect();
    let loudest = high
        .windows((rate / 500) as usize)
        .map(|window| window.iter().map(|sample| sample * sample).sum::<f64>() / window.len() as f64)
        .fold(0.0, f64::max);
    let voice = steady_voice(24_000);
    let rms = voice.iter().map(|&sample| f64::from(pcm::to_f32(sample)).powi(2)).sum::<f64>() / 24_000.0;
    10.0 * (loudest / rms + 1e-20).log10()
}

/// 301 taps of a Blackman-windowed high-pass at 4.3 kHz: full from 4.7 kHz on.
fn high_pass(rate: u32) -> Vec<f64> {
    let cutoff = 4_300.0 / f64::from(rate);
    (-150i32..=150)
        .map(|index| {
            let along = f64::from(index) / 151.0 * std::f64::consts::PI;
            let window = 0.42 + 0.5 * along.cos() + 0.08 * (2.0 * along).cos();
            let angle = std::f64::consts::TAU * cutoff * f64::from(index);
            let low = if index == 0 {
                2.0 * cutoff
            } else {
                angle.sin() / (std::f64::consts::PI * f64::from(index))
            };
            (f64::from(i32::from(index == 0)) - low) * window
        })
        .collect()
}
