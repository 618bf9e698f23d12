//! Where something stands in a message: `PID-3[2].4.1` (HL7 v2.5.1 section 2.4; written as people say it).

use std::fmt;

/// A place in a message. All numbers count from 1; 0 for "the whole of what is above".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    pub segment: [u8; 3],
    /// Which of the segments of that name.
    pub occurrence: usize,
    pub field: usize,
    pub repetition: usize,
    pub component: usize,
    pub subcomponent: usize,
}

impl Location {
    /// `PID`, `PID-3`, `PID-3.1`, `PID-3[2].4.1`, `OBX[3]-5`. `None` where the text is nothing of the kind.
    pub fn parse(text: &str) -> Option<Location> {
        let (name, rest) = text.split_at_checked(3)?;
        let segment: [u8; 3] = name.as_bytes().try_into().ok()?;
        if !is_segment_name(segment) {
            return None;
        }
        let mut place =
            Location { segment, occurrence: 1, field: 0, repetition: 0, component: 0, subcomponent: 0 };
        let (head, tail) = match rest.split_once('-') {
            Some((head, tail)) => (head, Some(tail)),
            None => (rest, None),
        };
        if !head.is_empty() {
            place.occurrence = bracketed(head)?;
        }
        let Some(tail) = tail else { return Some(place) };
        let mut numbers = tail.split('.');
        let field = numbers.next()?;
        match field.find('[') {
            Some(at) => {
                place.field = number(&field[..at])?;
                place.repetition = bracketed(&field[at..])?;
            }
            None => place.field = number(field)?,
        }
        if let Some(component) = numbers.next() {
            place.component = number(component)?;
        }
        if let Some(subcomponent) = numbers.next() {
            place.subcomponent = number(subcomponent)?;
        }
        numbers.next().is_none().then_some(place)
    }

    /// The name of the segment.
    pub fn segment_name(&self) -> String {
        self.segment.iter().map(|b| char::from(*b)).collect()
    }
}

/// A letter and two letters or digits, as the standard and Z segments have them.
pub(crate) fn is_segment_name(name: [u8; 3]) -> bool {
    let rest = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    name[0].is_ascii_uppercase() && rest(name[1]) && rest(name[2])
}

fn number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|n| (1..=1_000_000).contains(n))
}

fn bracketed(text: &str) -> Option<usize> {
    number(text.strip_prefix('[')?.strip_suffix(']')?)
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segment_name())?;
        if self.occurrence > 1 {
            write!(f, "[{}]", self.occurrence)?;
        }
        if self.field == 0 {
            return Ok(());
        }
        write!(f, "-{}", self.field)?;
        if self.repetition > 1 {
            write!(f, "[{}]", self.repetition)?;
        }
        if self.component > 0 {
            write!(f, ".{}", self.component)?;
        }
        if self.subcomponent > 0 {
            write!(f, ".{}", self.subcomponent)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_printed_as_it_was_written() {
        for text in ["PID", "PID-3", "PID-3.1", "PID-3[2].4.1", "OBX[3]-5", "ZPV-2.1"] {
            assert_eq!(Location::parse(text).map(|l| l.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in
            ["", "PI", "pid-3", "PID-", "PID-0", "PID-3.1.1.1", "PID-3[", "PID[0]-3", "ÑID-1", "PID-x"]
        {
            assert_eq!(Location::parse(text), None, "{text}");
        }
    }
}
