//! User information sub-items (PS3.8 annex D.1, PS3.7 annex D.3.3).

use super::associate::{UnknownItem, item};
use super::fields::Fields;
use super::{PduError, PduErrorKind, RELATED_CLASSES_MAX, USER_ITEMS_MAX};
use badiano_kernel::id::Uid;
use std::fmt;

const MAX_LENGTH: u8 = 0x51;
const IMPLEMENTATION_CLASS_UID: u8 = 0x52;
const ASYNC_WINDOW: u8 = 0x53;
const ROLE_SELECTION: u8 = 0x54;
const IMPLEMENTATION_VERSION_NAME: u8 = 0x55;
const EXTENDED_NEGOTIATION: u8 = 0x56;
const EXTENDED_NEGOTIATION_COMMON: u8 = 0x57;
const USER_IDENTITY_RQ: u8 = 0x58;
const USER_IDENTITY_AC: u8 = 0x59;

/// Asynchronous operations window (PS3.7 D.3.3.3). Zero is no limit; without the item both are one.
/// Both numbers are seen from the association requestor, in the answer too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsyncWindow {
    pub invoked: u16,
    pub performed: u16,
}

/// SCP/SCU role selection (PS3.7 D.3.3.4): the roles of the association requestor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSelection {
    pub sop_class: Uid,
    pub scu: bool,
    pub scp: bool,
}

/// SOP class extended negotiation (PS3.7 D.3.3.5); the bytes are the service class's own (PS3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtendedNegotiation {
    pub sop_class: Uid,
    pub information: Vec<u8>,
}

/// SOP class common extended negotiation (PS3.7 D.3.3.6). Only a requestor sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtendedNegotiationCommon {
    pub sop_class: Uid,
    pub service_class: Uid,
    pub related_general: Vec<Uid>,
}

/// User-Identity-Type (PS3.7 table D.3-14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityKind {
    Username,
    UsernamePasscode,
    Kerberos,
    Saml,
    Jwt,
    Other(u8),
}

impl IdentityKind {
    const fn code(self) -> u8 {
        match self {
            IdentityKind::Username => 1,
            IdentityKind::UsernamePasscode => 2,
            IdentityKind::Kerberos => 3,
            IdentityKind::Saml => 4,
            IdentityKind::Jwt => 5,
            IdentityKind::Other(code) => code,
        }
    }
    const fn from_code(code: u8) -> Self {
        match code {
            1 => IdentityKind::Username,
            2 => IdentityKind::UsernamePasscode,
            3 => IdentityKind::Kerberos,
            4 => IdentityKind::Saml,
            5 => IdentityKind::Jwt,
            other => IdentityKind::Other(other),
        }
    }
}

/// User identity of a request (PS3.7 D.3.3.7.1). Its fields are secrets: `Debug` shows only the kind.
#[derive(Clone, PartialEq, Eq)]
pub struct UserIdentity {
    pub kind: IdentityKind,
    pub positive_response_requested: bool,
    pub primary: Vec<u8>,
    /// The passcode, when the kind has one.
    pub secondary: Vec<u8>,
}

impl fmt::Debug for UserIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserIdentity").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The user information item. Order among different sub-items carries no meaning and is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserInformation {
    /// Longest P-DATA-TF that the sender of this item can take; 0 is no limit. Absent reads as 0.
    pub max_length: u32,
    pub implementation_class_uid: Option<Uid>,
    /// At most 16 characters.
    pub implementation_version_name: Option<String>,
    pub async_window: Option<AsyncWindow>,
    pub roles: Vec<RoleSelection>,
    pub extended: Vec<ExtendedNegotiation>,
    pub extended_common: Vec<ExtendedNegotiationCommon>,
    pub identity: Option<UserIdentity>,
    /// Server response of an answer (PS3.7 D.3.3.7.2); may hold a ticket.
    pub identity_response: Option<Vec<u8>>,
    pub unknown: Vec<UnknownItem>,
}

impl UserInformation {
    pub(super) fn parse(mut fields: Fields<'_>) -> Result<Self, PduError> {
        let mut user = UserInformation::default();
        let mut count = 0;
        while !fields.is_empty() {
            count += 1;
            if count > USER_ITEMS_MAX {
                return Err(fields.error(PduErrorKind::TooMany("user information sub-items")));
            }
            let (kind, _version, content) = fields.item()?;
            user.take(kind, content)?;
        }
        Ok(user)
    }

    /// A sub-item that comes twice replaces the first, where only one can be meant.
    fn take(&mut self, kind: u8, mut content: Fields<'_>) -> Result<(), PduError> {
        match kind {
            MAX_LENGTH => self.max_length = content.u32()?,
            IMPLEMENTATION_CLASS_UID => {
                // Says only who built the peer: a malformed one is no reason to refuse it.
                self.implementation_class_uid = content.uid("implementation class UID").ok();
            }
            IMPLEMENTATION_VERSION_NAME => self.implementation_version_name = Some(content.text()),
            ASYNC_WINDOW => {
                self.async_window = Some(AsyncWindow { invoked: content.u16()?, performed: content.u16()? });
            }
            ROLE_SELECTION => {
                let sop_class = content.counted()?.uid("SOP class of role selection")?;
                let (scu, scp) = (content.u8()? == 1, content.u8()? == 1);
                self.roles.push(RoleSelection { sop_class, scu, scp });
            }
            EXTENDED_NEGOTIATION => {
                let sop_class = content.counted()?.uid("SOP class of extended negotiation")?;
                self.extended.push(ExtendedNegotiation { sop_class, information: content.rest().to_vec() });
            }
            EXTENDED_NEGOTIATION_COMMON => self.extended_common.push(common(content)?),
            USER_IDENTITY_RQ => {
                self.identity = Some(UserIdentity {
                    kind: IdentityKind::from_code(content.u8()?),
                    positive_response_requested: content.u8()? == 1,
                    primary: content.counted()?.rest().to_vec(),
                    secondary: content.counted()?.rest().to_vec(),
                });
            }
            USER_IDENTITY_AC => self.identity_response = Some(content.counted()?.rest().to_vec()),
            _ => self.unknown.push(UnknownItem { kind, content: content.rest().to_vec() }),
        }
        Ok(())
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        item(out, MAX_LENGTH, |out| out.extend(self.max_length.to_be_bytes()));
        if let Some(uid) = &self.implementation_class_uid {
            item(out, IMPLEMENTATION_CLASS_UID, |out| out.extend(uid.as_str().bytes()));
        }
        if let Some(window) = self.async_window {
            item(out, ASYNC_WINDOW, |out| {
                out.extend(window.invoked.to_be_bytes());
                out.extend(window.performed.to_be_bytes());
            });
        }
        for role in &self.roles {
            item(out, ROLE_SELECTION, |out| {
                counted(out, role.sop_class.as_str().as_bytes());
                out.extend([u8::from(role.scu), u8::from(role.scp)]);
            });
        }
        if let Some(name) = &self.implementation_version_name {
            item(out, IMPLEMENTATION_VERSION_NAME, |out| out.extend(name.bytes().take(16)));
        }
        for extended in &self.extended {
            item(out, EXTENDED_NEGOTIATION, |out| {
                counted(out, extended.sop_class.as_str().as_bytes());
                out.extend(&extended.information);
            });
        }
        for common in &self.extended_common {
            item(out, EXTENDED_NEGOTIATION_COMMON, |out| {
                counted(out, common.sop_class.as_str().as_bytes());
                counted(out, common.service_class.as_str().as_bytes());
                let mut related = Vec::new();
                common.related_general.iter().for_each(|uid| counted(&mut related, uid.as_str().as_bytes()));
                counted(out, &related);
            });
        }
        if let Some(identity) = &self.identity {
            item(out, USER_IDENTITY_RQ, |out| {
                out.extend([identity.kind.code(), u8::from(identity.positive_response_requested)]);
                counted(out, &identity.primary);
                counted(out, &identity.secondary);
            });
        }
        if let Some(response) = &self.identity_response {
            item(out, USER_IDENTITY_AC, |out| counted(out, response));
        }
        for unknown in &self.unknown {
            item(out, unknown.kind, |out| out.extend(&unknown.content));
        }
    }
}

fn common(mut content: Fields<'_>) -> Result<ExtendedNegotiationCommon, PduError> {
    let sop_class = content.counted()?.uid("SOP class of common extended negotiation")?;
    let service_class = content.counted()?.uid("service class of common extended negotiation")?;
    let mut list = content.counted()?;
    let mut related_general = Vec::new();
    while !list.is_empty() {
        if related_general.len() == RELATED_CLASSES_MAX {
            return Err(list.error(PduErrorKind::TooMany("related general SOP classes")));
        }
        related_general.push(list.counted()?.uid("related general SOP class")?);
    }
    Ok(ExtendedNegotiationCommon { sop_class, service_class, related_general })
}

/// A two-byte length and the bytes, cut at 65,535.
fn counted(out: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
    out.extend(u16::try_from(bytes.len()).expect("cut to 65,535 on the line above").to_be_bytes());
    out.extend(bytes);
}
