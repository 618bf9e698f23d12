//! Who asks, and what for. A principal is made by a door from a verified token, certificate or listed peer.

use std::fmt;

/// Why data are asked for (HL7 v3 PurposeOfUse, as FHIR AuditEvent and Consent use it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Care of the patient (TREAT).
    Treatment,
    /// Emergency access with a reason (ETREAT).
    Emergency,
    /// Public health (PUBHLTH).
    PublicHealth,
    /// Research (HRESCH).
    Research,
    /// Management of the service (HOPERAT).
    Operations,
    /// The person's own request (PATRQT).
    PatientRequest,
}

impl Purpose {
    pub const ALL: [Purpose; 6] = [
        Purpose::Treatment,
        Purpose::Emergency,
        Purpose::PublicHealth,
        Purpose::Research,
        Purpose::Operations,
        Purpose::PatientRequest,
    ];
    /// The code in `http://terminology.hl7.org/CodeSystem/v3-ActReason`.
    pub const fn code(self) -> &'static str {
        match self {
            Purpose::Treatment => "TREAT",
            Purpose::Emergency => "ETREAT",
            Purpose::PublicHealth => "PUBHLTH",
            Purpose::Research => "HRESCH",
            Purpose::Operations => "HOPERAT",
            Purpose::PatientRequest => "PATRQT",
        }
    }
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.code() == code)
    }
}

/// What a person may do at a node. Rank governs administration only; clinical content takes a clinical role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Radiologist,
    /// Reads and writes reports under somebody who signs them.
    Resident,
    Technologist,
    Clinician,
    Pharmacist,
    /// Admission and the clinical archive: who is who, and who came; no clinical content.
    Registrar,
    /// Users, peers, queues; no clinical content.
    Administrator,
    /// The audit of the institution; no clinical content.
    SecurityOffice,
}

impl Role {
    pub const ALL: [Role; 8] = [
        Role::Radiologist,
        Role::Resident,
        Role::Technologist,
        Role::Clinician,
        Role::Pharmacist,
        Role::Registrar,
        Role::Administrator,
        Role::SecurityOffice,
    ];
    pub const fn code(self) -> &'static str {
        match self {
            Role::Radiologist => "radiologist",
            Role::Resident => "resident",
            Role::Technologist => "technologist",
            Role::Clinician => "clinician",
            Role::Pharmacist => "pharmacist",
            Role::Registrar => "registrar",
            Role::Administrator => "administrator",
            Role::SecurityOffice => "security-office",
        }
    }
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.code() == code)
    }
    pub const fn is_clinical(self) -> bool {
        matches!(
            self,
            Role::Radiologist | Role::Resident | Role::Technologist | Role::Clinician | Role::Pharmacist
        )
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A member of staff, signed in at a node.
    Staff(Staff),
    /// A citizen, signed in through the identity provider; sees only what concerns them.
    Citizen { curp: String, name: String },
    /// A citizen who acts in another person's place: sees what concerns that person, without what is closed to representatives.
    Representative(Representative),
    /// A registered client with listed scopes (SMART Backend Services, or the token for scripts).
    System { client_id: String, name: String, institution: String, scopes: Vec<String> },
    /// A listed DICOM or HL7 v2 peer: one institution, one purpose.
    Peer { name: String, institution: String },
    /// Another node of Badiano, known by its certificate; it may carry the person it asks for.
    Node { institution: String, name: String, on_behalf_of: Option<Staff> },
    /// A listed job of this node, with its own audit entry a run. No request can make one.
    Job { name: &'static str },
}

/// By what somebody acts in a person's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Mother or father of a minor.
    Parent,
    /// Guardian (tutor) of a minor, or by a court's act of somebody of age.
    Guardian,
    /// By a power of attorney of the person.
    Attorney,
}

impl Standing {
    pub const ALL: [Standing; 3] = [Standing::Parent, Standing::Guardian, Standing::Attorney];
    /// The code in `http://terminology.hl7.org/CodeSystem/v3-RoleCode`.
    pub const fn code(self) -> &'static str {
        match self {
            Standing::Parent => "PRN",
            Standing::Guardian => "GUARD",
            Standing::Attorney => "POWATT",
        }
    }
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }
}

/// Who acts, in whose place, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Representative {
    pub curp: String,
    pub name: String,
    /// CURP of the person in whose place they act.
    pub person: String,
    pub standing: Standing,
    /// The representation, as the hub names it.
    pub representation: String,
}

/// A member of staff as an institution vouches for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    pub account: String,
    pub name: String,
    pub roles: Vec<Role>,
    /// CLUES of the institution that vouches.
    pub institution: String,
    /// Professional licence (cédula profesional), where there is one.
    pub cedula: Option<String>,
}

impl Principal {
    /// CLUES of the institution that the principal acts for, which consent is decided for; none for a citizen or a job.
    pub fn institution(&self) -> Option<&str> {
        match self {
            Principal::Staff(s) | Principal::Node { on_behalf_of: Some(s), .. } => Some(&s.institution),
            Principal::System { institution, .. }
            | Principal::Peer { institution, .. }
            | Principal::Node { institution, on_behalf_of: None, .. } => Some(institution),
            Principal::Citizen { .. } | Principal::Representative(_) | Principal::Job { .. } => None,
        }
    }

    /// CURP of the person whose record this is the reading of: by themselves, or in their place.
    pub fn own_record(&self) -> Option<&str> {
        match self {
            Principal::Citizen { curp, .. } => Some(curp),
            Principal::Representative(r) => Some(&r.person),
            _ => None,
        }
    }

    /// Who acts in somebody's place.
    pub fn representative(&self) -> Option<&Representative> {
        match self {
            Principal::Representative(r) => Some(r),
            _ => None,
        }
    }

    /// The person behind the request, at this node or vouched for by another.
    pub fn staff(&self) -> Option<&Staff> {
        match self {
            Principal::Staff(s) => Some(s),
            Principal::Node { on_behalf_of, .. } => on_behalf_of.as_ref(),
            Principal::Citizen { .. }
            | Principal::Representative(_)
            | Principal::System { .. }
            | Principal::Peer { .. }
            | Principal::Job { .. } => None,
        }
    }

    pub fn has_role(&self, role: Role) -> bool {
        self.staff().is_some_and(|s| s.roles.contains(&role))
    }
}

impl fmt::Display for Principal {
    /// A name for audit entries; never an identifier of a patient.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Principal::Staff(s) => write!(f, "{} ({})", s.name, s.institution),
            Principal::Citizen { name, .. } | Principal::Representative(Representative { name, .. }) => {
                write!(f, "{name}")
            }
            Principal::System { name, institution, .. } | Principal::Peer { name, institution } => {
                write!(f, "{name} ({institution})")
            }
            Principal::Node { institution, name, on_behalf_of } => match on_behalf_of {
                Some(s) => write!(f, "{} ({})", s.name, s.institution),
                None => write!(f, "{name} ({institution})"),
            },
            Principal::Job { name } => write!(f, "job {name}"),
        }
    }
}
