//! Access rules: what each kind of principal may do, before consent is asked. A pure table (house, invariant 2).

use crate::class::{DataClass, SENSITIVE};
use crate::scope::Scope;
use badiano_kernel::principal::{Principal, Purpose, Role};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Read,
    Write,
}

/// Classes that are clinical content: an administrator reads none of them.
const CLINICAL: u64 = !DataClass::Public.bit();

/// What a role may do, as masks of data classes.
struct Grant {
    role: Role,
    read: u64,
    write: u64,
}

/// What is done for a patient is done whatever the reason for it is coded as: sensitive classes are decided by consent, and a type of
/// resource alone by role.
const DEMOGRAPHICS_AND_ORDERS: u64 =
    DataClass::Demographics.bit() | DataClass::Encounters.bit() | DataClass::Orders.bit() | SENSITIVE;

/// What listed senders of messages tell beside demographics and orders: they write it and read none of it.
const TOLD_BY_MESSAGES: u64 = DataClass::Reports.bit()
    | DataClass::Laboratory.bit()
    | DataClass::Medication.bit()
    | DataClass::Allergies.bit()
    | DataClass::Conditions.bit()
    | DataClass::Immunizations.bit()
    | DataClass::Documents.bit()
    | DataClass::Other.bit();

const GRANTS: &[Grant] = &[
    Grant {
        role: Role::Radiologist,
        read: u64::MAX,
        write: DataClass::Reports.bit() | DataClass::Imaging.bit() | DataClass::Orders.bit() | SENSITIVE,
    },
    // What a resident writes goes through the workflow alone, so that another signs it.
    Grant { role: Role::Resident, read: u64::MAX, write: 0 },
    Grant {
        role: Role::Technologist,
        read: DEMOGRAPHICS_AND_ORDERS | DataClass::Imaging.bit() | DataClass::Public.bit(),
        write: DataClass::Imaging.bit() | DataClass::Orders.bit() | SENSITIVE,
    },
    Grant { role: Role::Clinician, read: u64::MAX, write: u64::MAX },
    Grant {
        role: Role::Pharmacist,
        read: DataClass::Demographics.bit()
            | DataClass::Medication.bit()
            | DataClass::Allergies.bit()
            | DataClass::Public.bit()
            | SENSITIVE,
        write: DataClass::Medication.bit() | SENSITIVE,
    },
    Grant {
        role: Role::Registrar,
        read: DataClass::Demographics.bit() | DataClass::Encounters.bit() | DataClass::Public.bit(),
        write: DataClass::Demographics.bit() | DataClass::Encounters.bit(),
    },
    Grant { role: Role::Administrator, read: DataClass::Public.bit(), write: DataClass::Public.bit() },
    Grant { role: Role::SecurityOffice, read: DataClass::Public.bit(), write: 0 },
];

/// The mask of classes that the principal may touch in this way and for this purpose. Consent narrows it further.
pub fn classes(principal: &Principal, purpose: Purpose, action: Action) -> u64 {
    match principal {
        Principal::Staff(staff) => {
            let clinical = matches!(purpose, Purpose::Treatment | Purpose::Emergency | Purpose::Operations);
            let mask = of_roles(&staff.roles, action);
            if clinical { mask } else { mask & !CLINICAL }
        }
        // One's own record, or that of whom one represents: everything may be read (but for what is closed to representatives, which
        // the session knows); consents are written by an operation of their own.
        Principal::Citizen { .. } | Principal::Representative(_) => match action {
            Action::Read if purpose == Purpose::PatientRequest => u64::MAX,
            Action::Read | Action::Write => 0,
        },
        Principal::System { scopes, .. } => of_scopes(scopes, action),
        Principal::Peer { .. } => match action {
            Action::Read => DEMOGRAPHICS_AND_ORDERS | DataClass::Imaging.bit(),
            Action::Write => DEMOGRAPHICS_AND_ORDERS | DataClass::Imaging.bit() | TOLD_BY_MESSAGES,
        },
        // What another node may read is what the person behind it may read; for itself it reads nothing.
        Principal::Node { on_behalf_of, .. } => match (action, on_behalf_of) {
            (Action::Read, Some(staff)) => of_roles(&staff.roles, action),
            (Action::Read | Action::Write, _) => 0,
        },
        // Listed jobs of this node only; each has its own scope in the table of jobs.
        Principal::Job { .. } => u64::MAX,
    }
}

fn of_roles(roles: &[Role], action: Action) -> u64 {
    GRANTS.iter().filter(|g| roles.contains(&g.role)).fold(0, |mask, g| {
        mask | match action {
            Action::Read => g.read,
            Action::Write => g.write,
        }
    })
}

/// What scopes of a system open: `system/*.rs`, `system/DiagnosticReport.read`, `system/*.cruds`.
fn of_scopes(scopes: &[String], action: Action) -> u64 {
    let of_system = scopes.iter().filter_map(|s| Scope::parse(s)).filter(|s| s.context == "system");
    of_system.filter(|s| s.allows(action)).fold(0, |mask, scope| {
        mask | match scope.kind {
            "*" => u64::MAX,
            kind => match crate::class::classes_of(&badiano_fhir::fhir!({ "resourceType": kind })) {
                public if public == DataClass::Public.bit() => public,
                of_patients => of_patients | SENSITIVE,
            },
        }
    })
}

/// Whether a text is a scope that a system can be registered with: `system/Type.rights`, SMART v1 or v2.
pub fn is_system_scope(scope: &str) -> bool {
    Scope::parse(scope).is_some_and(|scope| scope.context == "system")
}

/// Whether a system's scopes name this type of resource for this action.
pub fn scope_names(principal: &Principal, kind: &str, action: Action) -> bool {
    let Principal::System { scopes, .. } = principal else { return true };
    let of_system = scopes.iter().filter_map(|s| Scope::parse(s)).filter(|s| s.context == "system");
    of_system.into_iter().any(|s| s.names(kind) && s.allows(action))
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_kernel::principal::Staff;

    fn staff(role: Role) -> Principal {
        Principal::Staff(Staff {
            account: "a".into(),
            name: "A".into(),
            roles: vec![role],
            institution: "DFSSA000001".into(),
            cedula: None,
        })
    }

    fn system(scope: &str) -> Principal {
        let scopes = vec![scope.to_owned()];
        Principal::System {
            client_id: "c".into(),
            name: "C".into(),
            institution: "DFSSA000001".into(),
            scopes,
        }
    }

    #[test]
    fn an_administrator_reads_no_clinical_content() {
        let mask = classes(&staff(Role::Administrator), Purpose::Treatment, Action::Read);
        assert_eq!(mask, DataClass::Public.bit());
    }

    #[test]
    fn a_radiologist_reads_for_care_and_not_for_research() {
        let radiologist = staff(Role::Radiologist);
        assert_ne!(classes(&radiologist, Purpose::Treatment, Action::Read) & DataClass::Imaging.bit(), 0);
        assert_eq!(classes(&radiologist, Purpose::Research, Action::Read) & DataClass::Imaging.bit(), 0);
    }

    #[test]
    fn scopes_open_what_they_name_and_no_more() {
        let read = system("system/DiagnosticReport.rs");
        assert_eq!(classes(&read, Purpose::Treatment, Action::Read), DataClass::Reports.bit() | SENSITIVE);
        assert_eq!(classes(&read, Purpose::Treatment, Action::Write), 0);
        assert!(scope_names(&read, "DiagnosticReport", Action::Read));
        assert!(!scope_names(&read, "ImagingStudy", Action::Read));
        assert_eq!(classes(&system("system/*.xyz"), Purpose::Treatment, Action::Read), 0);
        assert_eq!(classes(&system("user/*.cruds"), Purpose::Treatment, Action::Read), 0);
    }
}
