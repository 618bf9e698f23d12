//! The line of a path in the JSON text, for messages to people who edit the text.

/// The line (from 1) of the element that an issue's expression names, in the text that was parsed; of its nearest
/// ancestor where the element itself is not there (a missing one). Nothing when the text is not an object.
pub fn line_of(text: &str, expression: &str) -> Option<usize> {
    let mut cursor = Cursor { text: text.as_bytes(), at: 0 };
    cursor.space();
    let mut found = cursor.at;
    if cursor.peek()? != b'{' {
        return None;
    }
    for part in expression.split('.').skip(1) {
        if part.starts_with("ofType(") {
            // The type was read with its property; an index may follow it.
            if let Some(index) = index_of(part) {
                match cursor.item(index) {
                    Some(()) => found = cursor.at,
                    None => break,
                }
            }
            continue;
        }
        let name = part.split('[').next().unwrap_or(part);
        if cursor.property(name).is_none() {
            break;
        }
        found = cursor.at;
        cursor.value_start();
        if let Some(index) = index_of(part) {
            match cursor.item(index) {
                Some(()) => found = cursor.at,
                None => break,
            }
        }
    }
    Some(1 + memchr::memchr_iter(b'\n', &cursor.text[..found]).count())
}

fn index_of(part: &str) -> Option<usize> {
    part.split_once('[')?.1.strip_suffix(']')?.parse().ok()
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
            assert_eq!(line_of(TEXT, expression), Some(line), "{expression}");
        }
        assert_eq!(line_of("[1]", "Patient"), None);
    }

    #[test]
    fn a_cut_text_gives_an_answer_or_none_and_never_panics() {
        for cut in 0..TEXT.len() {
            let _ = line_of(&TEXT[..cut], "Observation.value.ofType(Quantity).unit");
            let _ = line_of(&TEXT[..cut], "Observation.category[1].coding[0].code");
        }
    }
}
