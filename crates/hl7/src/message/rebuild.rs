//! A message written again from what was read of it, down to subcomponents (HL7 v2.5.1 section 2.5): what the parser understood is the bytes.

use super::{Message, Segment};

impl Message {
    /// The bytes put together again from segments, fields, repetitions, components and subcomponents, with the delimiters
    /// between them; what stands around segments (line endings, framing) is taken as it came. Equal to [`Message::bytes`]
    /// unless the parser lost, doubled or moved something: this is the proof that it did not.
    pub fn rebuilt(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len());
        let mut at = 0;
        for segment in self.all_segments() {
            let (start, end) = (segment.position(), segment.position() + segment.raw().len());
            out.extend_from_slice(&self.bytes[at..start]);
            self.rebuild(segment, &mut out);
            at = end;
        }
        out.extend_from_slice(&self.bytes[at..]);
        out
    }

    fn rebuild(&self, segment: Segment<'_>, out: &mut Vec<u8>) {
        let signs = self.delimiters();
        out.extend_from_slice(segment.name().as_bytes());
        let header = segment.is_header();
        for (number, field) in segment.fields().skip(usize::from(header)) {
            // A line break right after the name stands where the separator should, and is kept.
            out.push(self.bytes[field.span().0 - 1]);
            if header && number == 2 {
                out.extend_from_slice(field.raw());
                continue;
            }
            for (r, repetition) in field.repetitions().enumerate() {
                out.extend((r > 0).then_some(signs.repetition));
                for (c, component) in repetition.components().enumerate() {
                    out.extend((c > 0).then_some(signs.component));
                    for (s, subcomponent) in component.subcomponents().enumerate() {
                        out.extend((s > 0).then_some(signs.subcomponent));
                        out.extend_from_slice(subcomponent.raw());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn what_was_read_put_together_again_is_the_message() {
        for text in [
            &b"MSH|^~\\&|A|B|||||ADT^A04|1|P|2.5\rPID|1||7^^^N&1.2&ISO~8||\xd1U\xd1EZ^Jos\xe9&x^||\r\rZZZ\r"
                [..],
            b"\x0bMSH|^~\\&|A\nPID|a&&b^^~^|\n\x1c\r",
            b"MSH#*%!/#A\rOBX#1##a*b%c!d\r\n",
            b"MSH|^~\\&|A\rNTE\r|text\rPID||\r",
        ] {
            let message = Message::parse(text).expect("a message");
            assert_eq!(message.rebuilt(), text, "{}", String::from_utf8_lossy(text));
        }
    }
}
