//! FHIR to HL7 v2 by the same tables, read backwards: a message whose reading by the tables gives the resources again.

mod assembly;
mod draft;
mod results;
mod writing;

use super::naming::Naming;
use super::tables::Tables;
use crate::message::{Charset, Message};
use badiano_fhir::Value;
use badiano_kernel::fault::Fault;
use draft::Draft;

/// Resources that one message is made of.
pub const RESOURCES_MAX: usize = 5_000;

/// A message written, and what of the Bundle is in it no more.
#[derive(Debug, Clone)]
pub struct Written {
    pub bytes: Vec<u8>,
    /// Types of resources that no segment says, each with how often.
    pub left_out: Vec<(String, usize)>,
}

/// What stands in the header where the Bundle brings none.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// MSH-3 and MSH-4.
    pub sender: (&'a str, &'a str),
    /// `YYYYMMDDHHMMSS`: MSH-7.
    pub now: &'a str,
    /// MSH-10.
    pub control_id: &'a str,
}

/// The resources of a Bundle, and the tables they are written by.
struct Source<'s> {
    pub tables: &'s Tables,
    pub naming: &'s Naming,
    pub entries: Vec<(&'s str, &'s Value)>,
    /// Full URL of the patient.
    pub person: String,
    /// MSH: it names who numbers belong to, and the event that rows ask for.
    pub header: Draft,
}

impl<'s> Source<'s> {
    /// The resource that a reference points to.
    pub(super) fn find(&self, reference: &Value) -> Option<&'s Value> {
        let target = reference.str_of("reference");
        if target.is_empty() {
            return None;
        }
        let same = |(url, resource): &&(&str, &Value)| {
            *url == target
                || url.strip_suffix(target).is_some_and(|rest| rest.ends_with('/'))
                || target.split_once('/') == Some((resource.resource_type(), resource.id()))
        };
        self.entries.iter().find(same).map(|(_, resource)| *resource)
    }

    pub(super) fn of_type<'k>(&'k self, kind: &'k str) -> impl Iterator<Item = (&'s str, &'s Value)> + 'k {
        self.entries.iter().copied().filter(move |(_, r)| r.resource_type() == kind)
    }
}

/// Writes a message of a Bundle. Its kind is the one that its MessageHeader names, `kind` (`ORU^R01`), or the one that its resources are
/// usually sent in.
pub fn from_fhir(
    bundle: &Value,
    kind: Option<&str>,
    tables: &Tables,
    naming: &Naming,
    stamp: Stamp<'_>,
) -> Result<Written, Fault> {
    if bundle.resource_type() != "Bundle" {
        return Err(Fault::invalid("a message is made of a Bundle"));
    }
    let entries: Vec<(&str, &Value)> =
        bundle["entry"].items().iter().map(|e| (e.str_of("fullUrl"), &e["resource"])).collect();
    if entries.is_empty() {
        return Err(Fault::invalid("the Bundle is empty").at("Bundle.entry"));
    }
    if entries.len() > RESOURCES_MAX {
        return Err(Fault::too_costly("a message is made of at most 5,000 resources").at("Bundle.entry"));
    }
    let mut source = Source { tables, naming, entries, person: String::new(), header: Draft::new("MSH") };
    source.header = source.header_of(bundle, kind, stamp);
    let (drafts, left_out) = source.assemble();
    let text = draft::print_all(&drafts);
    let bytes = Charset::Utf8.encode(&text).0;
    Message::parse(bytes.as_slice()).map_err(|_| Fault::bug("what is written is a message"))?;
    Ok(Written { bytes, left_out })
}
