//! Who looked at a person's data, for the person: entries with their proofs, and notices of emergency access.

use crate::audit::Act;
use crate::patient_index::patients_of_curp;
use crate::resources::subject_by_name;
use crate::session::Session;
use badiano_fhir::json;
use badiano_kernel::principal::Role;
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_store::Expect;
use serde::{Deserialize, Serialize};

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
        let own = match self.principal() {
            Principal::Citizen { curp: own, .. } => own == curp,
            _ => false,
        };
        if !own || self.purpose() != Purpose::PatientRequest {
            return Err(Fault::forbidden("who looked is told to the person alone"));
        }
        let writer = self.writer();
        let mut subjects = vec![subject_by_name(&writer.subject_key, curp)];
        let ids = self.node().store().read(|view| patients_of_curp(view, curp))?;
        self.note(Act::Read, "accesses", &ids, "who looked")?;
        // Entries written before the CURP was known stand under the local id.
        subjects.extend(ids.iter().map(|id| subject_by_name(&writer.subject_key, id)));
        let origin = self.node().settings().origin();
        let mut all = Vec::new();
        for subject in subjects {
            let rows = self.node().store().read(|view| view.leaves_of(&subject.tag, 0, LEAVES_MAX))?;
            for row in rows.iter().rev().take(ENTRIES_MAX) {
                let Some(content) = row.content.as_ref().and_then(|c| String::from_utf8(c.clone()).ok())
                else {
                    continue;
                };
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
        let Principal::Citizen { curp, .. } = self.principal() else {
            return Err(Fault::forbidden("notices are for the person themselves"));
        };
        let ids = self.node().store().read(|view| patients_of_curp(view, curp))?;
        self.note(Act::Read, "notices", &ids, "notices")?;
        let documents = self.node().store().read(|view| view.documents("notice", &format!("{curp}/")))?;
        let mut all: Vec<Notice> =
            documents.iter().filter_map(|d| serde_json::from_slice(&d.body).ok()).collect();
        all.reverse();
        Ok(all)
    }
}

impl Session {
    /// Until when the person has read their notices; nothing when they never did.
    pub fn notices_read(&self) -> Result<Option<Instant>, Fault> {
        let Principal::Citizen { curp, .. } = self.principal() else {
            return Err(Fault::forbidden("notices are for the person themselves"));
        };
        let document = self.node().store().read(|view| view.document("notices-read", curp))?;
        let text = document.and_then(|d| String::from_utf8(d.body).ok());
        Ok(text.and_then(|t| t.parse().ok()).map(Instant::from_micros))
    }

    /// The person has read every notice up to now.
    pub async fn read_notices(&self) -> Result<(), Fault> {
        let Principal::Citizen { curp, .. } = self.principal().clone() else {
            return Err(Fault::forbidden("notices are for the person themselves"));
        };
        let writer = self.writer();
        self.node()
            .store()
            .write(move |tx| {
                let (body, ids) = (writer.now.micros.to_string(), patients_of_curp(tx, &curp)?);
                tx.put_document("notices-read", &curp, body.as_bytes(), Expect::Any, writer.now)?;
                writer.leaf(tx, Act::Update, "notices", &ids, "notices read")
            })
            .await
    }
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
        proof,
    }
}
