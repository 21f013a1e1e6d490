//! Where in its sound each word of a turn stands: an estimate from when the words came.
//!
//! A transcript keeps no time of its own: it runs ahead of the sound or behind it, by a lead that nobody tells. Two facts
//! give it away. The first word is said at the turn's first sample, so the moment at which the second piece of text came
//! tells the lead, as soon as one knows how fast the voice speaks; and when all is there, the last word ends with the last
//! sample.

/// The words of one turn, laid along its samples.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    /// What was not given out yet.
    rest: String,
    /// Letters given out.
    given: f64,
    /// Letters in all.
    total: f64,
    /// Where pieces began and what sound was there when they came: letters before, samples; both grow.
    anchors: Vec<(f64, f64)>,
    /// Whether what was given out ends within a word.
    is_within: bool,
}

impl Transcript {
    /// More words came, when `received` samples of the turn were there.
    pub(super) fn push(&mut self, text: &str, received: u64) {
        let received = received as f64;
        if self.anchors.last().is_none_or(|(_, samples)| received > *samples) {
            self.anchors.push((self.total, received));
        }
        self.total += text.chars().map(letters).sum::<f64>();
        self.rest.push_str(text);
    }

    /// The words not given out yet that begin within the first `heard` samples, of `length` in all if that is known, at
    /// `pace` samples a letter as far as the turn itself does not tell.
    pub(super) fn take(&mut self, heard: u64, length: Option<u64>, pace: f64) -> String {
        if length.is_some_and(|length| heard >= length) {
            self.is_within = false;
            return core::mem::take(&mut self.rest);
        }
        let reached = self.reached(heard as f64, length.map(|length| length as f64), pace);
        let mut end = 0;
        while end < self.rest.len() && (self.given < reached || self.is_within) {
            end += self.word(end);
        }
        let rest = self.rest.split_off(end);
        core::mem::replace(&mut self.rest, rest)
    }

    /// Samples a letter of a turn of this length; none where there is too little of it to tell.
    pub(super) fn pace(&self, length: u64) -> Option<f64> {
        (self.total >= FEW_LETTERS && length > 0).then(|| length as f64 / self.total)
    }

    /// Whether any word came.
    pub(super) fn has_any(&self) -> bool {
        self.total > 0.0
    }

    /// Gives out the word at `start` of the rest, with the spaces before it, and says its length.
    fn word(&mut self, start: usize) -> usize {
        let mut is_within = core::mem::take(&mut self.is_within);
        let mut length = 0;
        for c in self.rest.get(start..).unwrap_or_default().chars() {
            if is_within && (c.is_whitespace() || c >= FIRST_WIDE) {
                return length;
            }
            is_within |= !c.is_whitespace();
            length += c.len_utf8();
            self.given += letters(c);
            if c >= FIRST_WIDE {
                return length;
            }
        }
        self.is_within = is_within;
        length
    }

    /// How many letters were said when `heard` samples were.
    fn reached(&self, heard: f64, length: Option<f64>, pace: f64) -> f64 {
        if heard <= 0.0 {
            return 0.0;
        }
        // Text that comes when all the sound is there tells nothing of its place.
        let all = length.unwrap_or(f64::INFINITY);
        let known = self.anchors.partition_point(|(_, came)| *came < all);
        let is_behind = self.is_behind(pace);
        // Text that stopped long before the sound is whole; so are phrases when the sound of the last has been.
        let is_early = self.anchors.last().is_some_and(|(_, came)| came + LAST_WORD < all);
        let is_whole = all.is_finite() && (is_early || is_behind);
        let whole = is_whole.then_some((self.total, all));
        let knot = |index: usize| (self.edge(index + usize::from(is_behind)), self.anchors[index].1);
        let knots = usize::from(!is_behind)..known;
        let ends = knots.clone().next().map(knot).zip(knots.clone().last().map(knot));
        let (lead, pace) = lead(ends, whole, pace);
        let knots = knots.map(knot).filter_map(|(at, came)| Some((at, came + lead?)));
        let (mut letters, mut samples) = (0.0, 0.0);
        for (at, said) in knots.chain(whole) {
            // Not `clamp`, whose complaint would weigh 10 kB.
            let said = said.max(samples).min(all);
            if heard < said {
                return letters + (at - letters) * (heard - samples) / (said - samples);
            }
            (letters, samples) = (at, said);
        }
        letters + (heard - samples) / pace
    }

    /// Whether whole phrases come, and after most of their sound: then a piece tells where it ends, or else where it begins.
    fn is_behind(&self, pace: f64) -> bool {
        let are_phrases = self.total > FEW_LETTERS * self.anchors.len() as f64;
        are_phrases && self.anchors.first().is_some_and(|(_, came)| came * 2.0 > self.edge(1) * pace)
    }

    /// Letters before a piece.
    fn edge(&self, index: usize) -> f64 {
        self.anchors.get(index).map_or(self.total, |(at, _)| *at)
    }
}

/// How far the text runs ahead of the sound, in samples, if it keeps step with it; and samples a letter. Takes the first
/// and the last place that is known (letters, samples), letters and samples of a turn that is `whole`, and the usual pace.
fn lead(ends: Option<((f64, f64), (f64, f64))>, whole: Option<(f64, f64)>, usual: f64) -> (Option<f64>, f64) {
    let usual = whole.map_or(usual, |(letters, samples)| samples / letters.max(1.0));
    let Some(((first, came), (last, went))) = ends else { return (None, usual) };
    let (letters, samples) = (last - first, went - came);
    if letters > FEW_LETTERS && !(0.5..2.0).contains(&(samples / letters / usual)) {
        return (None, usual);
    }
    // What the places leave out of a whole turn is the sound of its first and last words.
    let (letters, samples) =
        whole.map_or((letters, samples), |(total, all)| (total - letters, all - samples));
    let pace = (usual * DOUBT + samples) / (DOUBT + letters);
    (Some(pace * first - came), pace)
}

/// What a character takes to say, in letters of an alphabet: a pause goes with a mark, and an ideograph is a syllable.
fn letters(c: char) -> f64 {
    match c {
        '.' | '!' | '?' | ':' | '…' => 4.0,
        ',' | ';' => 2.0,
        FIRST_WIDE.. => 3.0,
        _ => 1.0,
    }
}

/// Samples a letter of a voice that was not heard yet.
pub(super) const USUAL_PACE: f64 = 1_500.0;
/// So many letters tell as much of a voice's pace as what is usual: words differ by a sixth, voices as well.
const DOUBT: f64 = 12.0;
/// Fewer tell nothing of a pace.
const FEW_LETTERS: f64 = 20.0;
/// No last word of a turn is longer, in samples.
const LAST_WORD: f64 = 12_000.0;
/// From here on scripts write without spaces: each character may stand alone.
const FIRST_WIDE: char = '\u{2e80}';

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[(&str, u64)]) -> Transcript {
        let mut transcript = Transcript::default();
        pieces.iter().for_each(|(text, received)| transcript.push(text, *received));
        transcript
    }

    #[test]
    fn gives_out_whole_words_and_each_once() {
        let mut transcript = of(&[("One two", 0), (" three", 0)]);
        assert_eq!(transcript.take(0, None, 1_000.0), "");
        assert_eq!(transcript.take(1, None, 1_000.0), "One");
        assert_eq!(transcript.take(2_900, None, 1_000.0), "");
        assert_eq!(transcript.take(3_100, None, 1_000.0), " two");
        assert_eq!(transcript.take(90_000, None, 1_000.0), " three");
    }

    #[test]
    fn gives_the_rest_of_a_word_out_as_it_comes() {
        let mut transcript = of(&[("Four quar", 0)]);
        assert_eq!(transcript.take(5_000, None, 1_000.0), "Four quar");
        transcript.push("ters now", 5_000);
        assert_eq!(transcript.take(5_000, None, 1_000.0), "ters");
    }

    #[test]
    fn takes_an_ideograph_for_a_word() {
        let mut transcript = of(&[("\u{4f60}\u{597d}\u{5417}", 0)]);
        assert_eq!(transcript.take(3_001, None, 1_000.0), "\u{4f60}\u{597d}");
    }

    #[test]
    fn spreads_what_came_at_once_over_the_length() {
        for (heard, expected) in
            [(1, "aaa"), (30_000, "aaa bbb"), (58_000, "aaa bbb ccc"), (80_000, "aaa bbb ccc ddd")]
        {
            let mut transcript = of(&[("aaa bbb ccc ddd", 0)]);
            assert_eq!(transcript.take(heard, Some(80_000), 1_000.0), expected, "{heard}");
        }
    }

    #[test]
    fn waits_where_the_voice_paused() {
        let mut transcript = of(&[("aaa", 0), (" bbb", 4_000), (" ccc", 12_000), (" ddd", 16_000)]);
        assert_eq!(transcript.take(9_000, None, 1_000.0), "aaa bbb");
        assert_eq!(transcript.take(12_000, None, 1_000.0), " ccc");
    }

    #[test]
    fn all_is_out_once_all_was_heard_and_at_once_where_there_is_no_sound() {
        assert_eq!(of(&[("aaa bbb", 0)]).take(0, Some(0), 1_000.0), "aaa bbb");
        let mut transcript = of(&[("aaa bbb", 500)]);
        assert_eq!(transcript.take(500, Some(500), 1_000.0), "aaa bbb");
        transcript.push(" late", 500);
        assert_eq!(transcript.take(500, Some(500), 1_000.0), " late");
    }
}
