//! `$export` of everything, of all patients or of a group (HL7 FHIR Bulk Data Access 2.0, export.html).

use super::job::{self, CHUNKS, Job, Work, chunk_key};
use crate::access::Action;
use crate::audit::Act;
use crate::session::Session;
use badiano_fhir::search::{self, Filter, Query, Total};
use badiano_fhir::subset::Subset;
use badiano_fhir::{json, schema};
use badiano_kernel::{Fault, Instant, id::LogicalId};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// Resources of one chunk, and bytes after which it takes no further page.
const CHUNK_RESOURCES: usize = 500;
const CHUNK_BYTES: usize = 2 << 20;
/// Members of a group, and patients that a request may name.
const MEMBERS_MAX: usize = 100_000;
/// `_typeFilter`s of one request.
const FILTERS_MAX: usize = 50;
/// What says how a search is answered has no meaning here.
const ABOUT_ANSWERS: [&str; 10] = [
    "_sort",
    "_count",
    "_include",
    "_revinclude",
    "_summary",
    "_elements",
    "_total",
    "_contained",
    "_containedType",
    "_offset",
];

/// Of what is exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Level {
    System,
    Patients,
    Group(String),
}

/// What was asked for, as the door read it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The address that was asked, for the manifest.
    pub address: String,
    pub kinds: Vec<String>,
    pub since: Option<String>,
    pub until: Option<String>,
    /// `Observation?code=...`, one of which must hold for its type.
    pub type_filters: Vec<String>,
    pub elements: Option<String>,
    /// Only these patients, where any are named.
    pub patients: Vec<String>,
}

/// The same, checked and kept with the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub kinds: Vec<String>,
    /// Only what belongs to a patient.
    of_patients: bool,
    /// Only of these; everybody's where there are none.
    members: Option<Vec<String>>,
    since: Option<String>,
    until: Option<String>,
    type_filters: Vec<String>,
    elements: Option<String>,
}

impl Session {
    /// Begins an export; the job does the rest.
    pub async fn begin_export(&self, level: &Level, request: Request) -> Result<Job, Fault> {
        self.takes_nothing_along()?;
        self.reads_any("")?;
        let owner = self.bulk_owner()?;
        let asked = self.check_request(level, &request)?;
        for kind in &asked.kinds {
            self.questions(&asked, kind)?;
        }
        let what = format!("bulk export of {}", asked.kinds.join(", "));
        let work = Work::Export { asked, kind: 0, member: 0, after: None };
        let id = LogicalId::random().as_str().to_owned();
        let job = Job::new(id, request.address, owner, work, self.now());
        let (writer, kept, now) = (self.writer(), job.clone(), self.now());
        let write = move |tx: &mut badiano_store::Tx<'_>| {
            job::put(tx, &kept, now)?;
            let what = format!("bulk job {}: {what}", kept.id);
            writer.leaf(tx, Act::Execute, "export", &[], &what[..what.floor_char_boundary(WHAT_BYTES_MAX)])
        };
        self.node().store().write(write).await?;
        Ok(job)
    }

    fn check_request(&self, level: &Level, request: &Request) -> Result<Asked, Fault> {
        let of_patients = *level != Level::System || !request.patients.is_empty();
        let kinds = self.kinds_of(of_patients, &request.kinds)?;
        if request.type_filters.len() > FILTERS_MAX {
            return Err(Fault::too_costly(format!("more than {FILTERS_MAX} filters")).at("_typeFilter"));
        }
        Subset::parse(None, request.elements.as_deref())?;
        let mut members = match level {
            Level::System | Level::Patients => None,
            Level::Group(id) => Some(self.members_of(id)?),
        };
        if !request.patients.is_empty() {
            let named = request.patients.iter().map(|r| patient_in(r).map(str::to_owned));
            let named: Option<Vec<String>> = named.collect();
            let named =
                named.ok_or_else(|| Fault::invalid("must be references to patients").at("patient"))?;
            members = Some(match members {
                Some(all) => all.into_iter().filter(|m| named.contains(m)).collect(),
                None => named,
            });
        }
        if members.as_ref().is_some_and(|m| m.len() > MEMBERS_MAX) {
            return Err(Fault::too_costly(format!("more than {MEMBERS_MAX} patients")));
        }
        Ok(Asked {
            kinds,
            of_patients,
            members,
            since: request.since.clone(),
            until: request.until.clone(),
            type_filters: request.type_filters.clone(),
            elements: request.elements.clone(),
        })
    }

    /// The types that are named and may be read, or all that may be.
    fn kinds_of(&self, of_patients: bool, named: &[String]) -> Result<Vec<String>, Fault> {
        let all: Vec<&str> =
            if of_patients { search::types_in("Patient") } else { schema::resource_types().to_vec() };
        if named.is_empty() {
            let readable = all.into_iter().filter(|kind| self.may_read_any(kind));
            return Ok(readable.map(str::to_owned).collect());
        }
        for kind in named {
            if !schema::is_resource_type(kind) {
                return Err(Fault::invalid("names a type that FHIR R4 does not have").at("_type"));
            }
            if !all.contains(&kind.as_str()) {
                return Err(Fault::invalid(format!("{kind} does not belong to patients")).at("_type"));
            }
            self.scope_allows(kind, Action::Read)?;
            self.reads_any(kind)?;
        }
        let mut kinds = named.to_vec();
        kinds.sort();
        kinds.dedup();
        Ok(kinds)
    }

    /// The patients that a group names; one that is not active has left it.
    fn members_of(&self, group: &str) -> Result<Vec<String>, Fault> {
        let group = self.read("Group", group)?.resource;
        let members = group["member"].items().iter().filter(|m| m["inactive"].as_bool() != Some(true));
        let ids = members.filter_map(|m| patient_in(m["entity"].str_of("reference")).map(str::to_owned));
        let mut ids: Vec<String> = ids.collect();
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    /// The question of one type, for each member or once for all.
    fn questions(&self, asked: &Asked, kind: &str) -> Result<Query, Fault> {
        let parameters = self.node().parameters()?;
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (moment, prefix) in [(&asked.since, "ge"), (&asked.until, "lt")] {
            if let Some(moment) = moment {
                pairs.push(("_lastUpdated".to_owned(), format!("{prefix}{moment}")));
            }
        }
        let mut query = search::parse(kind, &pairs, true, &*parameters)?.query;
        let mut any: Vec<Filter> = Vec::new();
        for filter in &asked.type_filters {
            let (of, text) = filter.split_once('?').unwrap_or((filter, ""));
            if !schema::is_resource_type(of) {
                return Err(
                    Fault::invalid("begins with a type of resource: Type?name=value").at("_typeFilter")
                );
            }
            if of != kind {
                continue;
            }
            let pairs = search::pairs(text);
            if let Some((name, _)) = pairs.iter().find(|(n, _)| ABOUT_ANSWERS.contains(&n.as_str())) {
                return Err(Fault::invalid(format!("{name} has no meaning in an export")).at("_typeFilter"));
            }
            any.push(Filter::All(search::parse(kind, &pairs, true, &*parameters)?.query.filters));
        }
        if !any.is_empty() {
            query.filters.push(Filter::Any(any));
        }
        query.total = Total::None;
        Ok(query)
    }
}

/// Longest description of what was exported, in the log.
const WHAT_BYTES_MAX: usize = 1_000;

fn patient_in(reference: &str) -> Option<&str> {
    let (before, id) = reference.rsplit_once("Patient/")?;
    let whole = before.is_empty() || before.ends_with('/');
    (whole && LogicalId::parse(id).is_ok()).then_some(id)
}

/// One chunk further; nothing when the job was taken away.
pub(super) async fn step(session: &Session, mut job: Job, now: Instant) -> Result<Option<Job>, Fault> {
    let Work::Export { asked, kind, member, after } = &job.work else {
        return Err(Fault::bug("this job is no export"));
    };
    let (asked, mut at) = (asked.clone(), At { kind: *kind, member: *member, after: after.clone() });
    let chunk = match asked.kinds.get(at.kind) {
        Some(kind) => Some((kind.clone(), gather(session, &job.id, &asked, &mut at)?)),
        None => None,
    };
    let (kinds, job_id) = (asked.kinds.len(), job.id.clone());
    let mut lines = None;
    if let Some((kind, gathered)) = chunk.filter(|(_, g)| g.count > 0) {
        let n = job.add(&kind, gathered.count)?;
        lines = Some((chunk_key(&job_id, n), gathered.text));
    }
    let is_done = at.kind >= kinds;
    job.work = Work::Export { asked, kind: at.kind, member: at.member, after: at.after };
    let job = if is_done { job.ended_at(now) } else { job };
    let kept = job.clone();
    let write = move |tx: &mut badiano_store::Tx<'_>| {
        if !job::is_at_work(tx, &kept.id)? {
            return Ok(false);
        }
        if let Some((key, text)) = &lines {
            tx.replace_document(CHUNKS, key, text.as_bytes(), now)?;
        }
        job::put(tx, &kept, now).map(|()| true)
    };
    Ok(session.node().store().write(write).await?.then_some(job))
}

struct At {
    kind: usize,
    member: usize,
    after: Option<Vec<u8>>,
}

#[derive(Default)]
struct Gathered {
    text: String,
    count: u64,
}

/// The lines of one chunk, all of one type; `at` is where the next chunk begins.
fn gather(session: &Session, job: &str, asked: &Asked, at: &mut At) -> Result<Gathered, Fault> {
    let kind = asked.kinds[at.kind].as_str();
    let subset = Subset::parse(None, asked.elements.as_deref())?;
    let base = session.questions(asked, kind)?;
    let mut gathered = Gathered::default();
    let members = asked.members.as_deref();
    let rounds = members.map_or(1, <[String]>::len);
    while at.member < rounds {
        let room = CHUNK_RESOURCES.saturating_sub(usize::try_from(gathered.count).unwrap_or(usize::MAX));
        if room == 0 || gathered.text.len() >= CHUNK_BYTES {
            return Ok(gathered);
        }
        let mut query = Query { count: room, after: at.after.take(), ..base.clone() };
        if let Some(id) = members.map(|m| &m[at.member]) {
            let (name, id) = ("Patient".into(), id.as_str().into());
            query.filters.insert(0, Filter::Compartment { name, id });
        }
        let page = session.export_page(&query, job)?;
        for one in page.hits {
            let patients = search::compartment_patients(&one.resource);
            let belongs = !asked.of_patients || !patients.is_empty();
            // What concerns several members stands once, with the first of them.
            let first = members.is_none_or(|all| {
                all.iter().find(|m| patients.contains(m)).is_none_or(|m| *m == all[at.member])
            });
            if belongs && first {
                let line = json::to_string(&subset.of(&one.resource));
                writeln!(gathered.text, "{line}").map_err(|_| Fault::bug("text is always written"))?;
                gathered.count += 1;
            }
        }
        match page.next {
            Some(next) => at.after = Some(next),
            None => at.member += 1,
        }
    }
    (at.kind, at.member, at.after) = (at.kind + 1, 0, None);
    Ok(gathered)
}
