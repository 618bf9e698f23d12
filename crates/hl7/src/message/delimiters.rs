//! The characters that part a message, as MSH-1 and MSH-2 say them (HL7 v2.5.1 section 2.5.4).

/// The delimiters of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters {
    pub field: u8,
    pub component: u8,
    pub repetition: u8,
    pub escape: u8,
    pub subcomponent: u8,
    /// The fifth encoding character of version 2.7 and later.
    pub truncation: Option<u8>,
}

/// What nearly everybody sends: `|^~\&`.
pub const USUAL: Delimiters = Delimiters {
    field: b'|',
    component: b'^',
    repetition: b'~',
    escape: b'\\',
    subcomponent: b'&',
    truncation: None,
};

/// Whether a byte may part fields or what is in them: a sign, not a letter, digit, blank or byte of a text in UTF-8.
pub(crate) fn may_delimit(byte: u8) -> bool {
    byte.is_ascii_punctuation()
}

impl Delimiters {
    /// From MSH-1 and MSH-2. What MSH-2 leaves out is as usual; the flag says whether MSH-2 was whole and unambiguous.
    pub(crate) fn read(field: u8, encoding: &[u8]) -> (Delimiters, bool) {
        let usual = [USUAL.component, USUAL.repetition, USUAL.escape, USUAL.subcomponent];
        let mut given = usual;
        let mut whole = matches!(encoding.len(), 4 | 5);
        for (i, slot) in given.iter_mut().enumerate() {
            match encoding.get(i) {
                Some(b) if may_delimit(*b) => *slot = *b,
                _ => whole = false,
            }
        }
        for (i, byte) in given.iter().enumerate() {
            whole &= *byte != field && !given[..i].contains(byte);
        }
        let truncation = encoding.get(4).copied().filter(|b| may_delimit(*b));
        let [component, repetition, escape, subcomponent] = given;
        (Delimiters { field, component, repetition, escape, subcomponent, truncation }, whole)
    }

    /// MSH-2 as written by us.
    pub fn encoding_characters(&self) -> String {
        let signs = [Some(self.component), Some(self.repetition), Some(self.escape), Some(self.subcomponent)];
        signs.into_iter().chain([self.truncation]).flatten().map(char::from).collect()
    }
}
