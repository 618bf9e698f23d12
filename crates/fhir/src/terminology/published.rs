//! The code systems, value sets and concept maps that HL7 publishes with R4, compiled in (FHIR R4, terminologies-systems.html).

use super::{CodeSystem, ConceptMap, Held, ValueSet, Versions};
use crate::json;
use crate::value::Value;
use std::sync::LazyLock;

/// The open form of the packed file; the real one is under 6 MB.
const OPEN_BYTES_MAX: usize = 16 << 20;

/// One resource a line; its origin is written beside it.
static PACKED: &[u8] = include_bytes!("../../../../data/fhir-r4/terminology.ndjson.zst");

#[derive(Default)]
struct Published {
    systems: Versions<CodeSystem>,
    sets: Versions<ValueSet>,
    maps: Versions<ConceptMap>,
}

static PUBLISHED: LazyLock<Published> = LazyLock::new(|| {
    let open = zstd::bulk::decompress(PACKED, OPEN_BYTES_MAX)
        .expect("the compiled-in terminology is whole: a test opens it");
    let open: &'static str = String::from_utf8(open).expect("it is JSON, a test reads it").leak();
    let mut all = Published::default();
    open.lines().for_each(|line| all.take(line));
    all
});

impl Published {
    /// Url and version stand near the front of a line; the rest is read when it is asked for.
    fn take(&mut self, line: &'static str) {
        let text = |key: &str| {
            let head = line.get(..line.find("\"concept\":").unwrap_or(line.len()))?;
            head.split(&format!("\"{key}\":\"")).nth(1)?.split('"').next()
        };
        let (Some(kind), Some(url)) = (text("resourceType"), text("url")) else { return };
        let version = text("version").unwrap_or_default();
        match kind {
            "CodeSystem" if text("content") == Some("supplement") => {}
            "CodeSystem" => {
                let held = Held::new(version, move || CodeSystem::of(&read(line)?).ok());
                self.systems.entry(url.into()).or_default().push(held);
            }
            "ValueSet" => {
                let held = Held::new(version, move || ValueSet::of(&read(line)?).ok());
                self.sets.entry(url.into()).or_default().push(held);
            }
            _ => {
                let held = Held::new(version, move || ConceptMap::of(&read(line)?).ok());
                self.maps.entry(url.into()).or_default().push(held);
            }
        }
    }
}

fn read(line: &str) -> Option<Value> {
    json::parse(line.as_bytes()).ok()
}

pub(super) fn systems() -> &'static Versions<CodeSystem> {
    &PUBLISHED.systems
}
pub(super) fn sets() -> &'static Versions<ValueSet> {
    &PUBLISHED.sets
}
pub(super) fn maps() -> &'static Versions<ConceptMap> {
    &PUBLISHED.maps
}
