//! A code system as one immutable file: what it is about, then its tables, packed (the file's own form; nothing of FHIR's).
//!
//! `BTERMS1\n`, the length of the head and the head as JSON, then one zstd frame with a checksum: each table as a count and its
//! numbers or texts, little-endian, in one order for writing and reading.

use super::code_system::{About, CodeSystem, PropertyAbout};
use super::strings::{Lists, Strings};
use super::words::Words;
use crate::value::Value;
use crate::{fhir, json};
use badiano_kernel::Fault;
use std::io::{Read, Write};

const MAGIC: &[u8; 8] = b"BTERMS1\n";
/// The open tables of one system.
const OPEN_BYTES_MAX: u64 = 4 << 30;
const HEAD_BYTES_MAX: usize = 1 << 20;
/// Packs quickly; a stronger level saves a tenth.
const LEVEL: i32 = 3;

impl CodeSystem {
    /// The file.
    pub fn pack(&self) -> Result<Vec<u8>, Fault> {
        let head = json::to_string(&self.about.to_value());
        let mut out = MAGIC.to_vec();
        let length = u32::try_from(head.len()).map_err(|_| Fault::too_costly("the head is too long"))?;
        out.extend(length.to_le_bytes());
        out.extend(head.as_bytes());
        let mut encoder = zstd::Encoder::new(out, LEVEL).map_err(|_| broken())?;
        encoder.include_checksum(true).map_err(|_| broken())?;
        self.write(&mut encoder).map_err(|_| Fault::bug("memory takes what is written"))?;
        encoder.finish().map_err(|_| Fault::bug("memory takes what is written"))
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        for strings in [&self.codes, &self.displays, &self.definitions] {
            write_strings(out, strings)?;
        }
        write_bytes(out, &self.flags)?;
        write_numbers(out, &self.by_code)?;
        write_lists(out, &self.parents)?;
        for lists in [&self.designations, &self.properties] {
            write_lists(out, lists)?;
        }
        for numbers in [&self.designation_languages, &self.designation_uses, &self.property_of] {
            write_numbers(out, numbers)?;
        }
        for strings in [&self.designation_texts, &self.property_texts, &self.names, &self.words.words] {
            write_strings(out, strings)?;
        }
        write_lists(out, &self.words.concepts)
    }

    fn read(about: About, from: &mut impl Read) -> Option<CodeSystem> {
        let mut strings = || read_strings(from);
        let [codes, displays, definitions] = [strings()?, strings()?, strings()?];
        let flags = read_bytes(from)?;
        let by_code = read_numbers(from)?;
        let parents = read_lists(from)?;
        let [designations, properties] = [read_lists(from)?, read_lists(from)?];
        let [designation_languages, designation_uses, property_of] =
            [read_numbers(from)?, read_numbers(from)?, read_numbers(from)?];
        let mut strings = || read_strings(from);
        let [designation_texts, property_texts, names, words] =
            [strings()?, strings()?, strings()?, strings()?];
        let words = Words { words, concepts: read_lists(from)? };
        let mut system = CodeSystem {
            about,
            codes,
            displays,
            definitions,
            flags,
            by_code,
            parents,
            children: Lists::default(),
            designations,
            designation_languages,
            designation_uses,
            designation_texts,
            properties,
            property_of,
            property_texts,
            names,
            words,
        };
        if !system.is_sound() {
            return None;
        }
        system.children = system.parents.turned(system.len());
        Some(system)
    }

    /// Whether every number leads somewhere.
    fn is_sound(&self) -> bool {
        let size = self.len();
        let below = |all: &[u32], limit: usize| all.iter().all(|n| (*n as usize) < limit);
        let each =
            |lists: &Lists, limit: usize| lists.ends.len() == size as usize && below(&lists.items, limit);
        let texts = self.designation_texts.ends.len();
        self.displays.len() == size
            && (self.definitions.ends.is_empty() || self.definitions.len() == size)
            && self.flags.len() == size as usize
            && self.by_code.len() == size as usize
            && below(&self.by_code, size as usize)
            && each(&self.parents, size as usize)
            && each(&self.designations, texts)
            && self.designation_languages.len() == texts
            && self.designation_uses.len() == texts
            && below(&self.designation_languages, self.names.ends.len())
            && below(&self.designation_uses, self.names.ends.len())
            && each(&self.properties, self.property_texts.ends.len())
            && self.property_of.len() == self.property_texts.ends.len()
            && below(&self.property_of, self.about.properties.len())
            && self.words.concepts.ends.len() == self.words.words.ends.len()
            && below(&self.words.concepts.items, size as usize)
    }
}

/// What a file is about; its tables are not read. `bytes` may be no more than its beginning.
pub fn head(bytes: &[u8]) -> Option<About> {
    divided(bytes).and_then(|(head, _)| About::from_value(&json::parse(head).ok()?))
}

/// The system of a file; nothing where the file is broken.
pub fn unpack(bytes: &[u8]) -> Option<CodeSystem> {
    let (_, tables) = divided(bytes)?;
    let decoder = zstd::Decoder::new(tables).ok()?;
    let mut limited = std::io::BufReader::new(decoder.take(OPEN_BYTES_MAX));
    let system = CodeSystem::read(head(bytes)?, &mut limited)?;
    // To its end, so that the checksum is compared.
    let mut rest = [0; 1];
    (limited.read(&mut rest).ok()? == 0).then_some(system)
}

fn divided(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    (length <= HEAD_BYTES_MAX).then(|| rest.split_at_checked(length))?
}

fn broken() -> Fault {
    Fault::bug("the packer does not begin")
}

fn write_bytes(out: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    out.write_all(&(bytes.len() as u64).to_le_bytes())?;
    out.write_all(bytes)
}

fn write_numbers(out: &mut impl Write, numbers: &[u32]) -> std::io::Result<()> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    write_bytes(out, &bytes)
}

fn write_strings(out: &mut impl Write, strings: &Strings) -> std::io::Result<()> {
    write_bytes(out, strings.text.as_bytes())?;
    write_numbers(out, &strings.ends)
}

fn write_lists(out: &mut impl Write, lists: &Lists) -> std::io::Result<()> {
    write_numbers(out, &lists.ends)?;
    write_numbers(out, &lists.items)
}

/// What is announced is taken as it comes, so that a broken length costs nothing.
fn read_bytes(from: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = [0; 8];
    from.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length);
    let mut bytes = Vec::new();
    let read = from.by_ref().take(length).read_to_end(&mut bytes).ok()?;
    (read as u64 == length).then_some(bytes)
}

fn read_numbers(from: &mut impl Read) -> Option<Vec<u32>> {
    let bytes = read_bytes(from)?;
    let (all, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| all.iter().map(|c| u32::from_le_bytes(*c)).collect())
}

fn read_strings(from: &mut impl Read) -> Option<Strings> {
    let text = String::from_utf8(read_bytes(from)?).ok()?;
    let ends = read_numbers(from)?;
    let rising = ends.windows(2).all(|w| w[0] <= w[1]);
    let within = ends.last().is_none_or(|end| *end as usize == text.len());
    (rising && within && ends.iter().all(|end| text.is_char_boundary(*end as usize)))
        .then_some(Strings { text, ends })
}

fn read_lists(from: &mut impl Read) -> Option<Lists> {
    let (ends, items) = (read_numbers(from)?, read_numbers(from)?);
    let rising = ends.windows(2).all(|w| w[0] <= w[1]);
    (rising && ends.last().is_none_or(|end| *end as usize == items.len())).then_some(Lists { ends, items })
}

impl About {
    fn to_value(&self) -> Value {
        let property = |p: &PropertyAbout| fhir!({ "code": (p.code.as_str()), "type": (p.kind.as_str()), "description": (p.description.as_str()) });
        fhir!({
            "url": (self.url.as_str()),
            "version": (self.version.as_str()),
            "name": (self.name.as_str()),
            "title": (self.title.as_str()),
            "language": (self.language.as_str()),
            "content": (self.content.as_str()),
            "caseSensitive": (!self.ignores_case),
            "valueSet": (self.value_set.as_str()),
            "supplements": (self.supplements.as_str()),
            "property": (Value::Array(self.properties.iter().map(property).collect()))
        })
    }

    fn from_value(told: &Value) -> Option<About> {
        (told["url"].as_str().is_some()).then(|| About::of(told))
    }
}
