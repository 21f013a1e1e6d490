//! What lets a call begin: a ticket, which opens one call and no second.

/// The ticket that is shown next, and whether another is wanted first.
#[derive(Debug)]
pub(super) struct Ticket {
    text: Option<String>,
    /// Whether the page can get others.
    is_renewable: bool,
    /// Whether a proxy was shown it, and may have used it up without a word.
    is_shown: bool,
    /// Refused in a row.
    refusals: u32,
    is_refused: bool,
}

impl Ticket {
    /// One that nobody was shown. Where none was needed, none will be.
    pub(super) fn new(text: Option<String>, is_renewable: bool) -> Self {
        Self {
            is_renewable: is_renewable && text.is_some(),
            text,
            is_shown: false,
            refusals: 0,
            is_refused: false,
        }
    }

    /// Shows it to a proxy.
    pub(super) fn show(&mut self) -> Option<String> {
        self.is_shown = true;
        self.text.clone()
    }

    /// It opened a call.
    pub(super) fn accept(&mut self) {
        self.refusals = 0;
    }

    /// Whether another may be had if this one is refused.
    pub(super) const fn has_successor(&self) -> bool {
        self.is_renewable && self.refusals < MOST_REFUSALS
    }

    /// It was refused, and there is a successor.
    pub(super) fn refuse(&mut self) {
        self.refusals += 1;
        self.is_refused = true;
    }

    /// Whether another is wanted first. Who takes a call up again may show an old one, but none that was refused.
    pub(super) const fn is_spent(&self, is_new_call: bool) -> bool {
        self.is_renewable && (self.is_refused || (self.is_shown && is_new_call))
    }

    /// Here is another.
    pub(super) fn renew(&mut self, text: String) {
        self.text = Some(text);
        self.is_shown = false;
        self.is_refused = false;
    }
}

/// A ticket may have been used, or grown old on the way; a fresh one that is refused as well is no accident.
const MOST_REFUSALS: u32 = 2;
