//! Who looked at a person's data, for the person: entries with their proofs, and notices of emergency access.

use crate::audit::Act;
use crate::class::{DataClass, class_of_type};
use crate::patient_index::patients_of_curp;
use crate::resources::subject_by_name;
use crate::session::Session;
use badiano_fhir::json;
use badiano_fhir::search::{self, Filter, Query, Total};
use badiano_kernel::principal::Role;
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_store::{Expect, Stub};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::HashMap;

/// Entries that one list shows, newest first.
const ENTRIES_MAX: usize = 500;
/// Entries that the security office reads at a time.
const ENTRIES_READ_MAX: usize = 10_000;
/// Entries about one person that are read to make it.
const LEAVES_MAX: usize = 100_000;

/// One entry as the citizen reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Log and index: `badiano.mx/DFSSA000001#12`.
    pub id: String,
    pub when: String,
    pub who: String,
    pub institution: String,
    /// Code of the interaction: `read`, `search-type`, `C-STORE`.
    pub interaction: String,
    pub what: String,
    /// Code of the purpose of use.
    pub purpose: String,
    pub reason: String,
    pub refused: bool,
    /// By what somebody acted in the person's place (v3-RoleCode); empty for everybody else.
    #[serde(default)]
    pub in_place: String,
    /// The proof as a text that `badiano verify` checks; empty until the next checkpoint (a second).
    pub proof: String,
}

/// Something the person must be told at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub when: String,
    pub kind: String,
    pub who: String,
    pub institution: String,
    pub reason: String,
    /// Codes of the sensitive classes that were opened.
    #[serde(default)]
    pub sensitive: Vec<String>,
}

impl Session {
    /// Every entry about a person in this node's log: for the citizen, here or through the hub.
    pub fn accesses_of(&self, curp: &str) -> Result<Vec<Access>, Fault> {
        if self.principal().own_record() != Some(curp) || self.purpose() != Purpose::PatientRequest {
            return Err(Fault::forbidden("who looked is told to the person alone"));
        }
        let writer = self.writer();
        let mut subjects = vec![subject_by_name(&writer.subject_key, curp)];
        let ids = self.node().store().read(|view| patients_of_curp(view, curp))?;
        self.note(Act::Read, "accesses", &ids, "who looked")?;
        // Entries written before the CURP was known stand under the local id.
        subjects.extend(ids.iter().map(|id| subject_by_name(&writer.subject_key, id)));
        let origin = self.node().settings().origin();
        let hidden = Hidden::of(self, curp, &ids)?;
        let mut all = Vec::new();
        for subject in subjects {
            let rows = self.node().store().read(|view| view.leaves_of(&subject.tag, 0, LEAVES_MAX))?;
            let text = |row: &badiano_store::Leaf| {
                row.content.as_ref().and_then(|c| String::from_utf8(c.clone()).ok())
            };
            let open = rows.iter().rev().filter_map(|row| Some((row, text(row)?)));
            let open = open.filter(|(_, content)| !hidden.hides(content));
            for (row, content) in open.take(ENTRIES_MAX) {
                let proof = self.node().log().prove(self.node().store(), row.index, subject.secret)?;
                let proof = proof.map(|p| p.to_text()).unwrap_or_default();
                all.push(access_of(&content, format!("{origin}#{}", row.index), proof));
            }
        }
        all.sort_by(|a, b| b.when.cmp(&a.when));
        all.truncate(ENTRIES_MAX);
        Ok(all)
    }

    /// What the person must be told, newest first.
    pub fn notices(&self) -> Result<Vec<Notice>, Fault> {
        let Some(curp) = self.principal().own_record() else {
            return Err(Fault::forbidden("notices are for the person themselves"));
        };
        let ids = self.node().store().read(|view| patients_of_curp(view, curp))?;
        self.note(Act::Read, "notices", &ids, "notices")?;
        let documents = self.node().store().read(|view| view.documents("notice", &format!("{curp}/")))?;
        let mut all: Vec<Notice> =
            documents.iter().filter_map(|d| serde_json::from_slice(&d.body).ok()).collect();
        all.reverse();
        let consent = crate::consent_register::consent_of_person(self.node(), curp)?;
        let closed = self.closed_in_place(&consent);
        let is_closed = |code: &String| DataClass::from_code(code).is_none_or(|c| c.bit() & closed != 0);
        all.retain(|n| !n.sensitive.iter().any(is_closed));
        Ok(all)
    }
}

/// What of the log is closed to who acts in a person's place: entries about anything of a class that is closed to them.
#[derive(Default)]
struct Hidden {
    closed: u64,
    /// The classes of everything of the person here, and of each thing and type by its name.
    held: u64,
    classes: HashMap<String, u64>,
}

/// Interactions that are about who somebody is and what they allow, and about no content.
const ABOUT_NO_CONTENT: [&str; 11] = [
    "register",
    "locate",
    "consent",
    "accesses",
    "notices",
    "representation",
    "representations",
    "merge",
    "match",
    "identity-pairs",
    "identity-decision",
];

impl Hidden {
    fn of(session: &Session, curp: &str, ids: &[String]) -> Result<Hidden, Fault> {
        let consent = crate::consent_register::consent_of_person(session.node(), curp)?;
        let closed = session.closed_in_place(&consent);
        let mut hidden = Hidden { closed, ..Hidden::default() };
        if closed == 0 {
            return Ok(hidden);
        }
        for id in ids {
            for stub in held(session, id)? {
                hidden.held |= stub.class;
                *hidden.classes.entry(format!("{}/{}", stub.kind, stub.id)).or_default() |= stub.class;
                *hidden.classes.entry(stub.kind).or_default() |= stub.class;
            }
        }
        Ok(hidden)
    }

    /// Of an entry that does not say what it was about (a search over all, a study by its number) it is taken that it was about
    /// everything that is here.
    fn hides(&self, content: &str) -> bool {
        if self.closed == 0 {
            return false;
        }
        let event = json::parse(content.as_bytes()).unwrap_or(badiano_fhir::Value::Null);
        let interaction = event["subtype"][0].str_of("code");
        if ABOUT_NO_CONTENT.contains(&interaction) {
            return false;
        }
        let whole = matches!(interaction, "everything" | "search-system" | "history-system" | "export");
        let mut named =
            event["entity"].items().iter().map(|e| e.str_of("description")).filter(|d| !d.is_empty());
        let classes = |what: &str| match self.classes.get(what) {
            Some(mask) if !whole => *mask,
            _ => match class_of_type(what.split('/').next().unwrap_or_default()) {
                // Of a type that is known, and nothing of it is here (any more).
                Some(class) if !whole && !what.contains('/') => class.bit(),
                _ => self.held,
            },
        };
        named.any(|what| classes(what) & self.closed != 0)
    }
}

impl Session {
    /// Until when the person has read their notices; nothing when they never did.
    pub fn notices_read(&self) -> Result<Option<Instant>, Fault> {
        let reader = self.reader_of_notices()?;
        let document = self.node().store().read(|view| view.document("notices-read", &reader))?;
        let text = document.and_then(|d| String::from_utf8(d.body).ok());
        Ok(text.and_then(|t| t.parse().ok()).map(Instant::from_micros))
    }

    /// Who acts in a person's place reads for themselves: to the person the notice stays new.
    fn reader_of_notices(&self) -> Result<String, Fault> {
        match self.principal() {
            Principal::Citizen { curp, .. } => Ok(curp.clone()),
            Principal::Representative(r) => Ok(format!("{} by {}", r.person, r.representation)),
            _ => Err(Fault::forbidden("notices are for the person themselves")),
        }
    }

    /// The person has read every notice up to now.
    pub async fn read_notices(&self) -> Result<(), Fault> {
        let reader = self.reader_of_notices()?;
        let curp = self.principal().own_record().unwrap_or_default().to_owned();
        let writer = self.writer();
        self.node()
            .store()
            .write(move |tx| {
                let (body, ids) = (writer.now.micros.to_string(), patients_of_curp(tx, &curp)?);
                tx.put_document("notices-read", &reader, body.as_bytes(), Expect::Any, writer.now)?;
                writer.leaf(tx, Act::Update, "notices", &ids, "notices read")
            })
            .await
    }
}

/// Everything about a patient that is here, without its content.
fn held(session: &Session, patient: &str) -> Result<Vec<Stub>, Fault> {
    let all = search::types_in("Patient").into_iter().map(Into::into).collect();
    let filters = vec![Filter::Compartment { name: "Patient".into(), id: patient.into() }];
    let query = Query { kinds: all, filters, total: Total::Accurate, ..Query::default() };
    let found = RefCell::new(Vec::new());
    let note = |stub: &Stub| {
        found.borrow_mut().push(stub.clone());
        false
    };
    session.node().store().read(|view| view.search(&query, &note))?;
    Ok(found.into_inner())
}

/// One entry of the log as it stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogEntry {
    pub index: u64,
    /// A FHIR AuditEvent in JSON.
    pub content: String,
}

impl Session {
    /// The institution's own log from an index on, in its order, for the security office. What was erased is left out.
    pub fn audit_entries(&self, from: u64, limit: usize) -> Result<Vec<LogEntry>, Fault> {
        if !self.principal().has_role(Role::SecurityOffice) {
            return Err(Fault::forbidden("the log is read by the security office"));
        }
        self.note(Act::Read, "audit", &[], "the audit log")?;
        let end = from.saturating_add(limit.min(ENTRIES_READ_MAX) as u64);
        let leaves = self.node().store().read(|view| view.leaves(from..end))?;
        let text = |bytes: Option<Vec<u8>>| bytes.and_then(|b| String::from_utf8(b).ok());
        let entry = |l: badiano_store::Leaf| Some(LogEntry { index: l.index, content: text(l.content)? });
        Ok(leaves.into_iter().filter_map(entry).collect())
    }
}

/// Reads an entry back for a list.
pub fn access_of(content: &str, id: String, proof: String) -> Access {
    let event = json::parse(content.as_bytes()).unwrap_or(badiano_fhir::Value::Null);
    let agent = &event["agent"][0];
    let mut touched =
        event["entity"].items().iter().map(|e| e.str_of("description")).filter(|d| !d.is_empty());
    let what = match (touched.next().unwrap_or_default(), touched.count()) {
        (first, 0) => first.to_owned(),
        (first, more) => format!("{first} (+{more})"),
    };
    Access {
        id,
        when: event.str_of("recorded").to_owned(),
        who: agent.str_of("name").to_owned(),
        institution: agent.str_of("altId").to_owned(),
        interaction: event["subtype"][0].str_of("code").to_owned(),
        what,
        purpose: event["purposeOfEvent"][0]["coding"][0].str_of("code").to_owned(),
        reason: event.str_of("outcomeDesc").to_owned(),
        refused: event.str_of("outcome") != "0",
        in_place: agent["role"][0]["coding"][0].str_of("code").to_owned(),
        proof,
    }
}
