//! Emergency access: one patient, one professional who has just signed in again, four hours; the person and the security office are told
//! before anything is shown, and a person reviews each one (NOM-024-SSA3; HL7 v3 ActReason ETREAT).

use crate::accesses::Notice;
use crate::audit::Act;
use crate::class::{DataClass, SENSITIVE};
use crate::node::NodeRole;
use crate::patient_index::patients_of_curp;
use crate::resources::Writer;
use crate::session::Session;
use badiano_kernel::principal::{Role, Staff};
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_mexico::cedula::Cedula;
use badiano_store::{Expect, Tx, View};
use serde::{Deserialize, Serialize};

/// An emergency access ends this long after the sign-in that opened it.
pub const EMERGENCY_SECONDS: i64 = 4 * 3600;
/// Clocks of nodes may differ by this much: a sign-in that is further in the future is none.
const CLOCKS_SECONDS: i64 = 60;
/// Shortest and longest reason, in characters: of an access and of its review. The person reads both.
pub const REASON_MIN: usize = 10;
pub const REASON_MAX: usize = 1000;
/// Accesses that one list shows, newest first.
const LISTED_MAX: usize = 500;

/// Interaction and kind of notice of an access.
pub(crate) const OPENED: &str = "emergency-access";
const JUSTIFIED: &str = "emergency-justified";
const NOT_JUSTIFIED: &str = "emergency-not-justified";
/// Documents: the accesses, and the lists of those that wait for a review and of those that had theirs.
const ACCESS: &str = "emergency";
const PENDING: &str = "emergency-pending";
const REVIEWED: &str = "emergency-reviewed";

/// What a door has checked before a session may be one of emergency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emergency {
    /// CURP of the one patient.
    pub person: String,
    pub reason: String,
    /// When the professional signed in again for it.
    pub signed_in: Instant,
    /// Sensitive classes that were asked for by name, as a mask; nothing at first.
    pub sensitive: u64,
}

/// One access as it is kept, listed and reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmergencyAccess {
    pub id: String,
    pub when: String,
    pub until: String,
    pub account: String,
    pub who: String,
    /// CLUES of the institution that vouches for the professional.
    pub institution: String,
    pub cedula: String,
    /// CURP of the patient.
    pub person: String,
    pub reason: String,
    /// Codes of the sensitive classes that it opened.
    pub sensitive: Vec<String>,
    /// What was decided of it; the last holds.
    pub reviews: Vec<Review>,
}

/// What the security office decided, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    pub when: String,
    pub by: String,
    pub justified: bool,
    pub reason: String,
}

impl Emergency {
    /// Whether it opens anything now for this principal: a licensed professional of a clinical role, in time, with a reason.
    pub fn check(&self, principal: &Principal, now: Instant) -> Result<(), Fault> {
        if !is_reason(&self.reason) {
            return Err(bad_reason());
        }
        let Some(staff) = principal.staff() else {
            return Err(Fault::forbidden("emergency access is for a person, never for a system"));
        };
        if !staff.roles.iter().any(|r| r.is_clinical()) {
            return Err(Fault::forbidden("emergency access is for staff with a clinical role"));
        }
        if staff.cedula.as_deref().is_none_or(|c| Cedula::parse(c).is_err()) {
            return Err(Fault::forbidden("emergency access takes a professional licence (cédula)"));
        }
        let is_past = self.signed_in <= now.plus_seconds(CLOCKS_SECONDS);
        if is_past && now < self.signed_in.plus_seconds(EMERGENCY_SECONDS) {
            Ok(())
        } else {
            Err(Fault::forbidden("the emergency access has ended: sign in again for another"))
        }
    }

    /// Whether it opens these classes.
    pub(crate) fn opens(&self, classes: u64) -> bool {
        classes & SENSITIVE & !self.sensitive == 0
    }
}

fn is_reason(text: &str) -> bool {
    (REASON_MIN..=REASON_MAX).contains(&text.trim().chars().count())
}

fn bad_reason() -> Fault {
    Fault::invalid("a reason has 10 to 1000 characters").at("reason")
}

impl Session {
    /// Before anything is shown in an emergency: it is durable in the log and in the queue of the security office, and the person is
    /// told. The same access again tells nobody twice.
    pub async fn open_emergency(&self) -> Result<(), Fault> {
        let emergency = self.emergency().filter(|_| self.purpose() == Purpose::Emergency);
        let emergency =
            emergency.ok_or_else(|| Fault::invalid("emergency access needs a reason").at("reason"))?;
        emergency.check(self.principal(), self.now())?;
        let staff = self.principal().staff().ok_or_else(|| Fault::bug("a licensed professional is staff"))?;
        let id = self.emergency_id(emergency, staff);
        if self.node().store().read(|view| view.document(ACCESS, &id))?.is_some() {
            return Ok(());
        }
        if emergency.sensitive != 0 && !self.is_open_already(emergency, staff)? {
            let text = "sensitive matters are asked for again, once the emergency access is open";
            return Err(Fault::forbidden(text));
        }
        let access = kept(id, emergency, staff, self.now());
        let writer = self.writer();
        self.node().store().write(move |tx| keep(tx, &writer, &access)).await
    }

    /// At the hub nothing is shown in an emergency that the person was not told of, whatever the door.
    pub(crate) fn emergency_stands(&self, emergency: &Emergency) -> bool {
        if emergency.check(self.principal(), self.now()).is_err() {
            return false;
        }
        let (NodeRole::Hub, Some(staff)) = (self.node().settings().role, self.principal().staff()) else {
            return true;
        };
        let id = self.emergency_id(emergency, staff);
        self.node().store().read(|view| view.document(ACCESS, &id)).is_ok_and(|found| found.is_some())
    }

    /// An emergency access is for looking at one patient; nothing is taken along.
    pub(crate) fn takes_nothing_along(&self) -> Result<(), Fault> {
        if self.purpose() == Purpose::Emergency {
            return Err(Fault::forbidden("an emergency access exports nothing"));
        }
        Ok(())
    }

    /// Who opened it about whom (told apart from others, and readable to nobody), when, and which sensitive classes.
    fn emergency_id(&self, emergency: &Emergency, staff: &Staff) -> String {
        let prefix = self.emergency_prefix(emergency, staff);
        format!("{prefix}{:016x}-{:x}", emergency.signed_in.micros, emergency.sensitive)
    }

    fn emergency_prefix(&self, emergency: &Emergency, staff: &Staff) -> String {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &self.node().secret("emergency accesses"));
        let of = format!("{}\0{}\0{}", staff.account, staff.institution, emergency.person);
        let mac = ring::hmac::sign(&key, of.as_bytes());
        let name: String = mac.as_ref()[..16].iter().map(|b| format!("{b:02x}")).collect();
        format!("{name}-")
    }

    /// Whether the same professional has an access to the same person open, from before sensitive matters were asked for.
    fn is_open_already(&self, emergency: &Emergency, staff: &Staff) -> Result<bool, Fault> {
        let prefix = self.emergency_prefix(emergency, staff);
        let found = self.node().store().read(|view| view.documents(ACCESS, &prefix))?;
        let now = self.now().to_rfc3339();
        let plain = |a: &EmergencyAccess| a.sensitive.is_empty() && a.until > now;
        Ok(found.iter().filter_map(|d| serde_json::from_slice(&d.body).ok()).any(|a| plain(&a)))
    }

    /// For the security office: accesses that wait for a review, or those that had one; newest first.
    pub fn emergencies(&self, reviewed: bool) -> Result<Vec<EmergencyAccess>, Fault> {
        self.reviews_emergencies()?;
        let list = if reviewed { REVIEWED } else { PENDING };
        let all = self.node().store().read(|view| {
            let rows = view.last_documents(list, LISTED_MAX)?;
            let ids = rows.iter().filter_map(|d| String::from_utf8(d.body.clone()).ok());
            ids.map(|id| access_of(view, &id)).collect::<Result<Vec<_>, Fault>>()
        })?;
        let all: Vec<EmergencyAccess> = all.into_iter().flatten().collect();
        let mut patients = Vec::new();
        for access in &all {
            patients.extend(self.node().store().read(|view| patients_of_curp(view, &access.person))?);
        }
        patients.sort();
        patients.dedup();
        self.note(Act::Read, "emergency-reviews", &patients, "emergency accesses")?;
        Ok(all)
    }

    /// The security office has looked into an access. The person is told; a later review replaces an earlier one, which stays listed.
    pub async fn review_emergency(&self, id: &str, justified: bool, reason: &str) -> Result<(), Fault> {
        let staff = self.reviews_emergencies()?;
        if !is_reason(reason) {
            return Err(bad_reason());
        }
        let review = Review {
            when: self.now().to_rfc3339(),
            by: staff.name.clone(),
            justified,
            reason: reason.trim().to_owned(),
        };
        let (id, staff, writer) = (id.to_owned(), staff.clone(), self.writer());
        self.node().store().write(move |tx| decide(tx, &writer, &id, &staff, review)).await
    }

    fn reviews_emergencies(&self) -> Result<&Staff, Fault> {
        match self.principal() {
            Principal::Staff(staff) if staff.roles.contains(&Role::SecurityOffice) => Ok(staff),
            _ => Err(Fault::forbidden("emergency accesses are reviewed by the security office")),
        }
    }
}

fn kept(id: String, emergency: &Emergency, staff: &Staff, now: Instant) -> EmergencyAccess {
    let named = DataClass::ALL.into_iter().filter(|c| c.is_sensitive() && emergency.sensitive & c.bit() != 0);
    EmergencyAccess {
        id,
        when: now.to_rfc3339(),
        until: emergency.signed_in.plus_seconds(EMERGENCY_SECONDS).to_rfc3339(),
        account: staff.account.clone(),
        who: staff.name.clone(),
        institution: staff.institution.clone(),
        cedula: staff.cedula.clone().unwrap_or_default(),
        person: emergency.person.clone(),
        reason: emergency.reason.trim().to_owned(),
        sensitive: named.map(|c| c.code().to_owned()).collect(),
        reviews: Vec::new(),
    }
}

fn access_of(view: &View<'_>, id: &str) -> Result<Option<EmergencyAccess>, Fault> {
    Ok(view.document(ACCESS, id)?.and_then(|d| serde_json::from_slice(&d.body).ok()))
}

/// The access, its place in the queue, the notice and the leaf, in one commit.
fn keep(tx: &mut Tx<'_>, writer: &Writer, access: &EmergencyAccess) -> Result<(), Fault> {
    put_access(tx, writer, access)?;
    tx.put_document(PENDING, &listed(access), access.id.as_bytes(), Expect::Any, writer.now)?;
    tell(tx, writer, access, OPENED, &access.reason)?;
    let ids = patients_of_curp(tx, &access.person)?;
    writer.leaf(tx, Act::Execute, OPENED, &ids, "emergency access")
}

fn decide(tx: &mut Tx<'_>, writer: &Writer, id: &str, by: &Staff, review: Review) -> Result<(), Fault> {
    let mut access = access_of(tx, id)?.ok_or_else(|| Fault::not_found("no such emergency access"))?;
    if access.account == by.account && access.institution == by.institution {
        return Err(Fault::forbidden("nobody reviews their own emergency access"));
    }
    let (kind, reason) = (if review.justified { JUSTIFIED } else { NOT_JUSTIFIED }, review.reason.clone());
    access.reviews.push(review);
    put_access(tx, writer, &access)?;
    tx.delete_document(PENDING, &listed(&access), writer.now)?;
    tx.put_document(REVIEWED, &listed(&access), id.as_bytes(), Expect::Any, writer.now)?;
    tell(tx, writer, &access, kind, &reason)?;
    let ids = patients_of_curp(tx, &access.person)?;
    writer.leaf(tx, Act::Update, "emergency-review", &ids, "review of an emergency access")
}

fn put_access(tx: &mut Tx<'_>, writer: &Writer, access: &EmergencyAccess) -> Result<(), Fault> {
    let body = serde_json::to_vec(access).map_err(|_| Fault::bug("an access is always printable"))?;
    tx.put_document(ACCESS, &access.id, &body, Expect::Any, writer.now).map(|_| ())
}

/// In the order of time.
fn listed(access: &EmergencyAccess) -> String {
    format!("{}/{}", access.when, access.id)
}

fn tell(
    tx: &mut Tx<'_>,
    writer: &Writer,
    access: &EmergencyAccess,
    kind: &str,
    reason: &str,
) -> Result<(), Fault> {
    let notice = Notice {
        when: writer.now.to_rfc3339(),
        kind: kind.to_owned(),
        who: access.who.clone(),
        institution: access.institution.clone(),
        reason: reason.to_owned(),
        sensitive: access.sensitive.clone(),
    };
    let body = serde_json::to_vec(&notice).map_err(|_| Fault::bug("a notice is always printable"))?;
    let key = format!("{}/{:016x}-{}", access.person, writer.now.micros, access.id);
    tx.put_document("notice", &key, &body, Expect::Any, writer.now).map(|_| ())
}
