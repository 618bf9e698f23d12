//! The line and column of a path in the JSON or XML text, for messages to people who edit the text.

use quick_xml::events::{BytesStart, Event};

/// A place in a text, both counted from 1; the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl Position {
    /// Of a byte of the text.
    pub fn of_byte(text: &str, at: usize) -> Position {
        let before = &text.as_bytes()[..at.min(text.len())];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |p| p + 1);
        let is_first_byte = |b: &&u8| **b & 0xC0 != 0x80;
        Position {
            line: 1 + memchr::memchr_iter(b'\n', before).count(),
            column: 1 + before[line_start..].iter().filter(is_first_byte).count(),
        }
    }
}

/// Where the element that an issue's expression names begins in the text that was parsed; its nearest ancestor where
/// the element itself is not there (a missing one). Nothing when the text is neither an object nor XML.
pub fn position_of(text: &str, expression: &str) -> Option<Position> {
    let body = text.trim_start_matches('\u{FEFF}');
    let at = match body.trim_start().as_bytes().first()? {
        b'<' => byte_in_xml(body, expression)?,
        _ => byte_in_json(body, expression)?,
    };
    Some(Position::of_byte(body, at))
}

/// `name[2]` as its name and its index.
fn name_and_index(part: &str) -> (&str, Option<usize>) {
    match part.split_once('[') {
        Some((name, index)) => (name, index.strip_suffix(']').and_then(|i| i.parse().ok())),
        None => (part, None),
    }
}

fn byte_in_json(text: &str, expression: &str) -> Option<usize> {
    let mut cursor = Cursor { text: text.as_bytes(), at: 0 };
    cursor.space();
    let mut found = cursor.at;
    if cursor.peek()? != b'{' {
        return None;
    }
    for part in expression.split('.').skip(1) {
        let (name, index) = name_and_index(part);
        if !name.starts_with("ofType(") {
            // A type was read with its property; only an index may follow it.
            if cursor.property(name).is_none() {
                break;
            }
            found = cursor.at;
            cursor.value_start();
        }
        if let Some(index) = index {
            match cursor.item(index) {
                Some(()) => found = cursor.at,
                None => break,
            }
        }
    }
    Some(found)
}

/// One step of a path in XML: `valueQuantity` and which one of them.
struct XmlStep {
    name: String,
    index: usize,
}

fn xml_steps(expression: &str) -> Vec<XmlStep> {
    let mut steps: Vec<XmlStep> = Vec::new();
    for part in expression.split('.').skip(1) {
        let (name, index) = name_and_index(part);
        match (name.strip_prefix("ofType("), steps.last_mut()) {
            (Some(kind), Some(choice)) => {
                let kind = kind.trim_end_matches(')');
                choice.name.push_str(&kind[..1.min(kind.len())].to_ascii_uppercase());
                choice.name.push_str(kind.get(1..).unwrap_or(""));
                choice.index = index.unwrap_or(choice.index);
            }
            _ => steps.push(XmlStep { name: name.to_owned(), index: index.unwrap_or(0) }),
        }
    }
    steps
}

/// An element that is open while XML is looked through.
struct OpenElement {
    /// How many steps lead here; nothing for an element beside the way.
    steps: Option<usize>,
    /// Children so far that bear the next step's name.
    seen: usize,
}

fn byte_in_xml(text: &str, expression: &str) -> Option<usize> {
    let steps = xml_steps(expression);
    let mut reader = quick_xml::Reader::from_str(text);
    let mut open: Vec<OpenElement> = Vec::new();
    let mut found = None;
    loop {
        let before = usize::try_from(reader.buffer_position()).ok()?;
        let (start, is_empty) = match reader.read_event().ok()? {
            Event::Start(start) => (start, false),
            Event::Empty(start) => (start, true),
            Event::End(_) => {
                // The way ends where one of its elements ends: what was sought is not in it.
                if open.pop().is_none_or(|element| element.steps.is_some()) {
                    return found;
                }
                continue;
            }
            Event::Eof => return found,
            _ => continue,
        };
        let reached = advance(open.last_mut(), &steps, &start);
        if let Some(reached) = reached {
            found = Some(before);
            if reached == steps.len() {
                return found;
            }
        }
        if !is_empty {
            open.push(OpenElement { steps: reached, seen: 0 });
        }
    }
}

/// How many steps lead to an element that begins in another one; nothing when it is not on the way.
fn advance(parent: Option<&mut OpenElement>, steps: &[XmlStep], start: &BytesStart<'_>) -> Option<usize> {
    let Some(parent) = parent else { return Some(0) };
    let taken = parent.steps?;
    let name = start.local_name();
    let name: &str = name.as_ref();
    // A resource in `contained` or `resource` has an element of its own around it.
    if name.starts_with(|c: char| c.is_ascii_uppercase()) {
        return Some(taken);
    }
    if name != steps[taken].name {
        return None;
    }
    parent.seen += 1;
    (parent.seen == steps[taken].index + 1).then_some(taken + 1)
}

struct Cursor<'t> {
    text: &'t [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace() || matches!(b, b',' | b':')) {
            self.at += 1;
        }
    }

    /// Past a string; gives what stands between the quotes.
    fn string(&mut self) -> Option<&[u8]> {
        let start = self.at + 1;
        self.at = start;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.text.get(start..self.at - 1)
    }

    /// Past a value of any kind, without recursion.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            self.space();
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                _ => {
                    while self
                        .peek()
                        .is_some_and(|b| !matches!(b, b',' | b'}' | b']') && !b.is_ascii_whitespace())
                    {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// From the start of an object to the key of a property: itself, `_name`, or a choice (`value` finds `valueCode`).
    fn property(&mut self, name: &str) -> Option<()> {
        self.space();
        if self.peek()? != b'{' {
            return None;
        }
        let start = self.at;
        for rank in 0..3 {
            self.at = start + 1;
            loop {
                self.space();
                if self.peek()? != b'"' {
                    break;
                }
                let key_at = self.at;
                let key = self.string()?;
                let rest = key.strip_prefix(name.as_bytes());
                let fits = match rank {
                    0 => rest.is_some_and(<[u8]>::is_empty),
                    1 => key.strip_prefix(b"_") == Some(name.as_bytes()),
                    _ => rest.and_then(<[u8]>::first).is_some_and(u8::is_ascii_uppercase),
                };
                if fits {
                    self.at = key_at;
                    return Some(());
                }
                self.skip()?;
            }
        }
        self.at = start;
        None
    }

    /// From a key to its value.
    fn value_start(&mut self) {
        if self.string().is_some() {
            self.space();
        }
    }

    /// From the start of an array to the start of an item.
    fn item(&mut self, index: usize) -> Option<()> {
        self.space();
        if self.peek()? != b'[' {
            return None;
        }
        self.at += 1;
        for _ in 0..index {
            self.space();
            self.skip()?;
        }
        self.space();
        (self.peek()? != b']').then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "resourceType": "Observation",
  "category": [
    { "text": "a, \"b\": [" },
    {
      "coding": [
        { "code": "x" }
      ]
    }
  ],
  "valueQuantity": {
    "value": 1.5,
    "unit": "kg"
  },
  "_status": {
    "id": "s"
  }
}"#;

    #[test]
    fn the_line_of_each_path_is_found() {
        let cases = [
            ("Observation", 1),
            ("Observation.category", 3),
            ("Observation.category[1]", 5),
            ("Observation.category[1].coding[0].code", 7),
            ("Observation.value.ofType(Quantity).unit", 13),
            ("Observation.status", 15),
            ("Observation.status.id", 16),
            ("Observation.subject", 1),
            ("Observation.category[1].text", 5),
            ("Observation.category[7].text", 3),
        ];
        for (expression, line) in cases {
            assert_eq!(position_of(TEXT, expression).map(|p| p.line), Some(line), "{expression}");
        }
        assert_eq!(position_of("[1]", "Patient"), None);
        let tabbed = "{\"resourceType\":\"Patient\",\"ñ\":1,\"active\":2}";
        assert_eq!(position_of(tabbed, "Patient.active"), Some(Position { line: 1, column: 33 }));
    }

    #[test]
    fn the_place_of_each_path_in_xml_is_found() {
        let text = "<?xml version=\"1.0\"?>\n<Bundle xmlns=\"http://hl7.org/fhir\">\n <type value=\"batch\"/>\n <entry>\n  <resource><Patient>\n   <name><family value=\"a\"/></name>\n   <name><family value=\"b\"/>\n    <given value=\"c\"/><given value=\"d\"/></name>\n   <deceasedBoolean value=\"x\"/></Patient></resource>\n </entry>\n</Bundle>";
        let cases = [
            ("Bundle", 2, 1),
            ("Bundle.type", 3, 2),
            ("Bundle.entry[0].resource.name[1].given[1]", 8, 23),
            ("Bundle.entry[0].resource.deceased.ofType(boolean)", 9, 4),
            ("Bundle.entry[0].resource.gender", 5, 13),
            ("Bundle.entry[3].resource", 2, 1),
        ];
        for (expression, line, column) in cases {
            assert_eq!(position_of(text, expression), Some(Position { line, column }), "{expression}");
        }
    }

    #[test]
    fn a_cut_text_gives_an_answer_or_none_and_never_panics() {
        for cut in 0..TEXT.len() {
            let _ = position_of(&TEXT[..cut], "Observation.value.ofType(Quantity).unit");
            let _ = position_of(&TEXT[..cut], "Observation.category[1].coding[0].code");
        }
    }
}
