//! The code systems, value sets and concept maps that HL7 publishes with R4, compiled in (FHIR R4, terminologies-systems.html).

use super::lines::Text;
use super::{CodeSystem, ConceptMap, Terminology, ValueSet, Versions};
use std::sync::LazyLock;

/// The open form of the packed file; the real one is under 6 MB.
const OPEN_BYTES_MAX: usize = 16 << 20;

/// One resource a line; its origin is written beside it.
static PACKED: &[u8] = include_bytes!("../../../../data/fhir-r4/terminology.ndjson.zst");

static PUBLISHED: LazyLock<Terminology> = LazyLock::new(|| {
    let open = zstd::bulk::decompress(PACKED, OPEN_BYTES_MAX)
        .expect("the compiled-in terminology is whole: a test opens it");
    let open: &'static str = String::from_utf8(open).expect("it is JSON, a test reads it").leak();
    let mut all = Terminology::default();
    all.add_text(&Text::Fixed(open));
    // The one that is published adds to an example.
    all.supplements.clear();
    all
});

pub(super) fn systems() -> &'static Versions<CodeSystem> {
    &PUBLISHED.systems
}
pub(super) fn sets() -> &'static Versions<ValueSet> {
    &PUBLISHED.sets
}
pub(super) fn maps() -> &'static Versions<ConceptMap> {
    &PUBLISHED.maps
}
