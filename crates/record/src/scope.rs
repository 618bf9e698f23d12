//! SMART scopes of data: `context/Type.rights`, in the words of version 2 (`cruds`) and of version 1 (`read`, `write`, `*`)
//! (SMART App Launch 2.0, scopes-and-launch-context.html).

use crate::access::Action;
use badiano_fhir::schema;

/// The rights of version 2, in their order.
const RIGHTS: [char; 5] = ['c', 'r', 'u', 'd', 's'];
const READ: u8 = 0b1_0010;
const WRITE: u8 = 0b0_1101;

/// One scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'t> {
    /// `system`, `user` or `patient`.
    pub context: &'t str,
    /// A type of resource, or `*`.
    pub kind: &'t str,
    rights: u8,
}

impl<'t> Scope<'t> {
    /// Nothing for another text, and for what is narrowed by a query: that would be granted wider than it was asked for.
    pub fn parse(text: &'t str) -> Option<Self> {
        let (context, rest) = text.split_once('/')?;
        let (kind, rights) = rest.split_once('.')?;
        if !matches!(context, "system" | "user" | "patient")
            || !(kind == "*" || schema::is_resource_type(kind))
        {
            return None;
        }
        let rights = match rights {
            "read" => READ,
            "write" => WRITE,
            "*" => READ | WRITE,
            _ => version_2(rights)?,
        };
        Some(Scope { context, kind, rights })
    }

    pub fn names(self, kind: &str) -> bool {
        self.kind == "*" || self.kind == kind
    }

    pub fn allows(self, action: Action) -> bool {
        let wanted = match action {
            Action::Read => READ,
            Action::Write => WRITE,
        };
        self.rights & wanted != 0
    }

    /// Whether all that another scope asks for is in this one.
    pub fn covers(self, other: Scope<'_>) -> bool {
        self.context == other.context
            && (self.kind == "*" || self.kind == other.kind)
            && self.rights & other.rights == other.rights
    }
}

/// Some of `cruds` in that order.
fn version_2(rights: &str) -> Option<u8> {
    let (mut found, mut from) = (0, 0);
    for right in rights.chars() {
        let at = from + RIGHTS[from..].iter().position(|known| *known == right)?;
        found |= 1 << at;
        from = at + 1;
    }
    (found != 0).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_read_and_nothing_that_is_narrower_than_it_looks() {
        let scope = |text| Scope::parse(text).expect(text);
        assert!(
            scope("user/Patient.rs").allows(Action::Read) && !scope("user/Patient.rs").allows(Action::Write)
        );
        assert!(
            scope("patient/*.write").allows(Action::Write) && !scope("patient/*.write").allows(Action::Read)
        );
        assert!(scope("system/*.cruds").covers(scope("system/Observation.rs")));
        assert!(!scope("patient/*.rs").covers(scope("user/Patient.rs")));
        assert!(!scope("user/Patient.r").covers(scope("user/Patient.rs")));
        assert!(!scope("user/Patient.rs").covers(scope("user/*.rs")));
        for text in [
            "user/Patient.sr",
            "user/Patient.",
            "user/Paciente.rs",
            "user/Patient.rs?_id=1",
            "openid",
            "other/*.rs",
        ] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }
}
