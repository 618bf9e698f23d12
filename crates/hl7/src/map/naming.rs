//! What the maps must be told of the place: assigning authorities, the time zone, how a CURP looks (HL7 v2.5.1 section 2.A.33, HD).

/// Names of one place and one sender.
#[derive(Debug, Clone)]
pub struct Naming {
    /// IANA name of the zone of times that have no offset.
    pub zone: String,
    /// Stands for the sender where MSH-4 and MSH-3 are empty: the peer's name at the door. May be empty.
    pub sender: String,
    /// Assigning authorities (HD.1 or HD.2, any case) and the system that they stand for.
    pub authorities: Vec<(String, String)>,
    /// The system under which a CURP is written.
    pub curp_system: String,
    /// Whether a number is a CURP, where neither its authority nor its type says so.
    pub is_curp: fn(&str) -> bool,
    /// Whether what a node does not keep is made too: staff, organisations and places as resources, the header, charges. Where
    /// it is not, their fields are losses.
    pub whole: bool,
    /// First and second surname in one text; `None` where it cannot be told.
    pub split_surnames: fn(&str) -> (String, Option<String>),
}

impl Default for Naming {
    fn default() -> Self {
        Naming {
            zone: "America/Mexico_City".to_owned(),
            sender: String::new(),
            authorities: Vec::new(),
            curp_system: "http://sistema.salud.gob.mx/curp".to_owned(),
            is_curp: has_shape_of_curp,
            whole: true,
            split_surnames: two_words,
        }
    }
}

/// Four letters, a date, a sex, five letters, two signs: the form alone, no check digit.
fn has_shape_of_curp(text: &str) -> bool {
    let b = text.as_bytes();
    let shape = b"AAAANNNNNNSAAAAAXN";
    b.len() == shape.len()
        && b.iter().zip(shape).all(|(b, kind)| match kind {
            b'A' => b.is_ascii_uppercase(),
            b'N' => b.is_ascii_digit(),
            b'S' => matches!(b, b'H' | b'M' | b'X'),
            _ => b.is_ascii_uppercase() || b.is_ascii_digit(),
        })
}

/// Two words are two surnames; more or fewer are left together.
fn two_words(text: &str) -> (String, Option<String>) {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        [first, second] => (first.to_owned(), Some(second.to_owned())),
        _ => (words.join(" "), None),
    }
}

impl Naming {
    /// The system of an assigning authority (HD: namespace, universal id, its type). A listed one first, then an OID, UUID or
    /// URI that it brings, then `urn:badiano:authority:{NAME}`. `None` for an empty one.
    pub(crate) fn system(&self, namespace: &str, universal: &str, kind: &str) -> Option<String> {
        let listed = |name: &str| {
            let found =
                self.authorities.iter().find(|(word, _)| !name.is_empty() && word.eq_ignore_ascii_case(name));
            found.map(|(_, system)| system.clone())
        };
        if let Some(system) = listed(namespace).or_else(|| listed(universal)) {
            return Some(system);
        }
        match (universal, kind) {
            ("", _) => {}
            (_, "ISO") => return Some(format!("urn:oid:{universal}")),
            (_, "UUID" | "GUID") => return Some(format!("urn:uuid:{}", universal.to_ascii_lowercase())),
            (_, "URI" | "URL") => return Some(universal.to_owned()),
            _ => {}
        }
        let name = if namespace.is_empty() { universal } else { namespace };
        (!name.is_empty()).then(|| authority(name))
    }
}

/// The system of an authority that nobody has listed.
pub(super) fn authority(name: &str) -> String {
    format!("urn:badiano:authority:{}", urn_part(name))
}

/// Text as a URN may hold it; other bytes are percent-encoded.
pub(super) fn urn_part(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
