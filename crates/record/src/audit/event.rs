//! What an audit entry says: a FHIR AuditEvent in the patterns of IHE BALP 1.1.

use badiano_fhir::{Value, fhir};
use badiano_kernel::{Instant, Principal, Purpose};

/// What was done (AuditEvent.action).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    Create,
    Read,
    Update,
    Delete,
    /// A search or an operation.
    Execute,
}

impl Act {
    const fn code(self) -> &'static str {
        match self {
            Act::Create => "C",
            Act::Read => "R",
            Act::Update => "U",
            Act::Delete => "D",
            Act::Execute => "E",
        }
    }
}

/// How it ended (AuditEvent.outcome).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    Success,
    /// Refused by access rules or consent.
    Refused,
    Failed,
}

/// One entry, before it becomes an AuditEvent.
#[derive(Debug, Clone)]
pub struct Entry {
    pub act: Act,
    /// What kind of interaction: `read`, `search-type`, `C-STORE`, `sign-report`, `emergency-access`.
    pub interaction: &'static str,
    pub outcome: Outcome,
    pub purpose: Purpose,
    /// Why, in the words of the person who asked: emergency access has one.
    pub reason: Option<String>,
    pub principal: Principal,
    /// The app through which the principal acted.
    pub app: Option<String>,
    /// The patient as this node names them.
    pub patient: Option<String>,
    /// What was touched: `DiagnosticReport/1`, a Study Instance UID, or the class of data; of a transaction everything.
    pub what: Vec<String>,
    /// How many later accesses of the same kind a closing entry stands for.
    pub repeated: u64,
    pub now: Instant,
}

impl Entry {
    /// The entry as it is committed to: one line of FHIR JSON.
    pub fn to_json(&self, observer: &str) -> String {
        badiano_fhir::json::to_string(&self.to_audit_event(observer))
    }

    pub fn to_audit_event(&self, observer: &str) -> Value {
        let mut event = fhir!({
            "resourceType": "AuditEvent",
            "type": { "system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest", "display": "RESTful Operation" },
            "subtype": [{ "system": "urn:badiano:interaction", "code": (self.interaction) }],
            "action": (self.act.code()),
            "recorded": (self.now.to_rfc3339()),
            "outcome": (match self.outcome { Outcome::Success => "0", Outcome::Refused => "4", Outcome::Failed => "8" }),
            "purposeOfEvent": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": (self.purpose.code()) }] }]
        });
        if let Some(reason) = &self.reason {
            event.set("outcomeDesc", reason.as_str());
        }
        event.push("agent", self.agent());
        if let Some(app) = &self.app {
            event.push("agent", fhir!({
                "type": { "coding": [{ "system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110150", "display": "Application" }] },
                "who": { "identifier": { "value": (app.as_str()) } },
                "requestor": false
            }));
        }
        if let (Principal::Representative(_), Some(patient)) = (&self.principal, &self.patient) {
            // In whose place.
            event.push("agent", fhir!({
                "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-RoleClass", "code": "PAT" }] },
                "who": { "reference": (format!("Patient/{patient}")) },
                "requestor": false
            }));
        }
        event.set("source", fhir!({ "observer": { "identifier": { "value": observer } } }));
        if let Some(patient) = &self.patient {
            event.push("entity", fhir!({
                "what": { "reference": (format!("Patient/{patient}")) },
                "type": { "system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": "1", "display": "Person" },
                "role": { "system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1", "display": "Patient" }
            }));
        }
        for (at, what) in self.what.iter().enumerate() {
            let mut data = fhir!({ "description": (what.as_str()) });
            // Said once: the proof of a long transaction stays short.
            if at == 0 {
                data.set("type", fhir!({ "system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": "2", "display": "System Object" }));
                if self.repeated > 0 {
                    data.push(
                        "detail",
                        fhir!({ "type": "repeated", "valueString": (self.repeated.to_string()) }),
                    );
                }
            }
            event.push("entity", data);
        }
        event
    }

    fn agent(&self) -> Value {
        let (code, id) = match &self.principal {
            Principal::Staff(s) => ("staff", s.cedula.clone().unwrap_or_else(|| s.account.clone())),
            Principal::Citizen { .. } => ("citizen", String::new()),
            Principal::Representative(r) => ("representative", r.representation.clone()),
            Principal::System { client_id, .. } => ("system", client_id.clone()),
            Principal::Peer { name, .. } => ("peer", name.clone()),
            Principal::Node { name, on_behalf_of, .. } => (
                "node",
                on_behalf_of.as_ref().map_or(name.clone(), |s| s.cedula.clone().unwrap_or(s.account.clone())),
            ),
            Principal::Job { name } => ("job", (*name).to_owned()),
        };
        let name = match &self.principal {
            Principal::Staff(s) => s.name.clone(),
            Principal::Node { on_behalf_of: Some(s), .. } => s.name.clone(),
            other => other.to_string(),
        };
        let mut agent = fhir!({
            "type": { "coding": [{ "system": "urn:badiano:principal", "code": code }] },
            "name": name,
            "requestor": true
        });
        if !id.is_empty() {
            agent.set("who", fhir!({ "identifier": { "value": id } }));
        }
        if let Some(institution) = self.principal.institution() {
            agent.set("altId", institution);
        }
        if let Principal::Representative(r) = &self.principal {
            let system = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
            agent.push("role", fhir!({ "coding": [{ "system": system, "code": (r.standing.code()) }] }));
        }
        agent
    }
}
