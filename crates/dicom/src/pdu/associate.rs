//! A-ASSOCIATE-RQ and A-ASSOCIATE-AC (PS3.8 sections 9.3.2 and 9.3.3).

use super::fields::Fields;
use super::user_information::UserInformation;
use super::{CONTEXTS_MAX, PduError, PduErrorKind, TRANSFER_SYNTAXES_MAX};
use badiano_kernel::id::Uid;
use std::fmt;

/// DICOM application context name (PS3.7 annex A.2.1).
pub const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";

const APPLICATION_CONTEXT_ITEM: u8 = 0x10;
const CONTEXT_PROPOSAL_ITEM: u8 = 0x20;
const CONTEXT_ANSWER_ITEM: u8 = 0x21;
const ABSTRACT_SYNTAX_ITEM: u8 = 0x30;
const TRANSFER_SYNTAX_ITEM: u8 = 0x40;
const USER_INFORMATION_ITEM: u8 = 0x50;

/// An application entity title: 1 to 16 characters of ISO 646, no backslash, no control character
/// (PS3.8 9.3.2, PS3.5 VR AE). Leading and trailing spaces do not count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AeTitle(String);

impl AeTitle {
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\0']);
        let fits =
            (1..=16).contains(&text.len()) && text.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'\\');
        fits.then(|| AeTitle(text.to_owned()))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Sixteen bytes, padded with spaces.
    pub fn to_field(&self) -> [u8; 16] {
        let mut field = [b' '; 16];
        field[..self.0.len()].copy_from_slice(self.0.as_bytes());
        field
    }
}

impl fmt::Display for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An item that the standard does not name here: kept, and otherwise without effect (PS3.8 9.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownItem {
    pub kind: u8,
    pub content: Vec<u8>,
}

/// A presentation context as the requestor proposes it (PS3.8 9.3.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextProposal {
    /// Odd, 1 to 255, once in a request.
    pub id: u8,
    pub abstract_syntax: Uid,
    /// At least one, in the order of the requestor.
    pub transfer_syntaxes: Vec<Uid>,
}

/// Result/Reason of a presentation context (PS3.8 table 9-18).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextResult {
    Acceptance,
    UserRejection,
    NoReason,
    AbstractSyntaxNotSupported,
    TransferSyntaxesNotSupported,
}

impl ContextResult {
    pub const fn code(self) -> u8 {
        match self {
            ContextResult::Acceptance => 0,
            ContextResult::UserRejection => 1,
            ContextResult::NoReason => 2,
            ContextResult::AbstractSyntaxNotSupported => 3,
            ContextResult::TransferSyntaxesNotSupported => 4,
        }
    }
    /// A code that the table does not hold is a refusal without a reason.
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => ContextResult::Acceptance,
            1 => ContextResult::UserRejection,
            3 => ContextResult::AbstractSyntaxNotSupported,
            4 => ContextResult::TransferSyntaxesNotSupported,
            _ => ContextResult::NoReason,
        }
    }
}

/// A presentation context as the acceptor answers it (PS3.8 9.3.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextAnswer {
    pub id: u8,
    pub result: ContextResult,
    /// Always there when accepted; without meaning otherwise.
    pub transfer_syntax: Option<Uid>,
}

/// A-ASSOCIATE-RQ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociateRq {
    /// Bit 0 set: version 1, the only one.
    pub protocol_version: u16,
    pub called: AeTitle,
    pub calling: AeTitle,
    pub application_context: Uid,
    pub contexts: Vec<ContextProposal>,
    pub user: UserInformation,
    pub unknown: Vec<UnknownItem>,
}

impl AssociateRq {
    /// A request with the application context of DICOM; contexts get the ids 1, 3, 5 ... in their order,
    /// and those beyond the 128th are left out.
    pub fn new(calling: AeTitle, called: AeTitle, proposals: Vec<(Uid, Vec<Uid>)>) -> Self {
        let contexts = (0..=127u8)
            .zip(proposals)
            .map(|(n, (abstract_syntax, transfer_syntaxes))| ContextProposal {
                id: n * 2 + 1,
                abstract_syntax,
                transfer_syntaxes,
            })
            .collect();
        AssociateRq {
            protocol_version: 1,
            called,
            calling,
            application_context: Uid::parse(APPLICATION_CONTEXT).expect("the constant is a UID"),
            contexts,
            user: UserInformation::default(),
            unknown: Vec::new(),
        }
    }

    /// The content after the six-byte head; `offset` is where it begins in the stream.
    pub fn parse(body: &[u8], offset: u64) -> Result<Self, PduError> {
        let mut fields = Fields::new(body, offset);
        let head = Head::parse(&mut fields)?;
        let mut contexts: Vec<ContextProposal> = Vec::new();
        let items = Items::parse(&mut fields, CONTEXT_PROPOSAL_ITEM, &mut |at, content| {
            let context = proposal(content)?;
            if context.id % 2 == 0 {
                return Err(at.error(PduErrorKind::Invalid("presentation context id")));
            }
            if contexts.iter().any(|c| c.id == context.id) {
                return Err(at.error(PduErrorKind::Repeated("presentation context id")));
            }
            contexts.push(context);
            Ok(())
        })?;
        if contexts.is_empty() {
            return Err(fields.error(PduErrorKind::Missing("presentation context")));
        }
        Ok(AssociateRq {
            protocol_version: head.protocol_version,
            called: head.called.ok_or(head.at.error(PduErrorKind::Invalid("called AE title")))?,
            calling: head.calling.ok_or(head.at.error(PduErrorKind::Invalid("calling AE title")))?,
            application_context: items.application_context,
            contexts,
            user: items.user,
            unknown: items.unknown,
        })
    }

    /// Appends the content after the six-byte head.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write_head(out, self.protocol_version, &self.called, &self.calling);
        item(out, APPLICATION_CONTEXT_ITEM, |out| out.extend(self.application_context.as_str().bytes()));
        for context in &self.contexts {
            item(out, CONTEXT_PROPOSAL_ITEM, |out| {
                out.extend([context.id, 0, 0, 0]);
                item(out, ABSTRACT_SYNTAX_ITEM, |out| out.extend(context.abstract_syntax.as_str().bytes()));
                for syntax in &context.transfer_syntaxes {
                    item(out, TRANSFER_SYNTAX_ITEM, |out| out.extend(syntax.as_str().bytes()));
                }
            });
        }
        item(out, USER_INFORMATION_ITEM, |out| self.user.write(out));
        for unknown in &self.unknown {
            item(out, unknown.kind, |out| out.extend(&unknown.content));
        }
    }
}

/// A-ASSOCIATE-AC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociateAc {
    pub protocol_version: u16,
    /// The two titles of the request are sent back unchanged; a receiver does not test them.
    pub called: Option<AeTitle>,
    pub calling: Option<AeTitle>,
    pub application_context: Uid,
    pub contexts: Vec<ContextAnswer>,
    pub user: UserInformation,
    pub unknown: Vec<UnknownItem>,
}

impl AssociateAc {
    /// The content after the six-byte head; `offset` is where it begins in the stream.
    pub fn parse(body: &[u8], offset: u64) -> Result<Self, PduError> {
        let mut fields = Fields::new(body, offset);
        let head = Head::parse(&mut fields)?;
        let mut contexts: Vec<ContextAnswer> = Vec::new();
        let items = Items::parse(&mut fields, CONTEXT_ANSWER_ITEM, &mut |at, content| {
            let context = answer(content)?;
            if contexts.iter().any(|c| c.id == context.id) {
                return Err(at.error(PduErrorKind::Repeated("presentation context id")));
            }
            contexts.push(context);
            Ok(())
        })?;
        Ok(AssociateAc {
            protocol_version: head.protocol_version,
            called: head.called,
            calling: head.calling,
            application_context: items.application_context,
            contexts,
            user: items.user,
            unknown: items.unknown,
        })
    }

    /// Appends the content after the six-byte head.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let blank = AeTitle(String::new());
        let called = self.called.as_ref().unwrap_or(&blank);
        write_head(out, self.protocol_version, called, self.calling.as_ref().unwrap_or(&blank));
        item(out, APPLICATION_CONTEXT_ITEM, |out| out.extend(self.application_context.as_str().bytes()));
        for context in &self.contexts {
            item(out, CONTEXT_ANSWER_ITEM, |out| {
                out.extend([context.id, 0, context.result.code(), 0]);
                item(out, TRANSFER_SYNTAX_ITEM, |out| {
                    out.extend(context.transfer_syntax.iter().flat_map(|uid| uid.as_str().bytes()));
                });
            });
        }
        item(out, USER_INFORMATION_ITEM, |out| self.user.write(out));
        for unknown in &self.unknown {
            item(out, unknown.kind, |out| out.extend(&unknown.content));
        }
    }
}

/// An item: type, reserved byte, two-byte length, content. A content above 65,535 bytes is cut at that length.
pub(super) fn item(out: &mut Vec<u8>, kind: u8, content: impl FnOnce(&mut Vec<u8>)) {
    out.extend([kind, 0, 0, 0]);
    let start = out.len();
    content(out);
    out.truncate(start + usize::from(u16::MAX));
    let length = u16::try_from(out.len() - start).expect("cut to 65,535 on the line above");
    out[start - 2..start].copy_from_slice(&length.to_be_bytes());
}

fn write_head(out: &mut Vec<u8>, protocol_version: u16, called: &AeTitle, calling: &AeTitle) {
    out.extend(protocol_version.to_be_bytes());
    out.extend([0; 2]);
    out.extend(called.to_field());
    out.extend(calling.to_field());
    out.extend([0; 32]);
}

/// The 68 fixed bytes.
struct Head<'a> {
    protocol_version: u16,
    called: Option<AeTitle>,
    calling: Option<AeTitle>,
    at: Fields<'a>,
}

impl<'a> Head<'a> {
    fn parse(fields: &mut Fields<'a>) -> Result<Self, PduError> {
        let protocol_version = fields.u16()?;
        fields.bytes(2)?;
        let at = *fields;
        let title = |field: &[u8]| AeTitle::parse(std::str::from_utf8(field).ok()?);
        let called = title(fields.bytes(16)?);
        let calling = title(fields.bytes(16)?);
        fields.bytes(32)?;
        Ok(Head { protocol_version, called, calling, at })
    }
}

/// The variable items, contexts apart.
struct Items {
    application_context: Uid,
    user: UserInformation,
    unknown: Vec<UnknownItem>,
}

impl Items {
    fn parse<'a>(
        fields: &mut Fields<'a>,
        context_item: u8,
        context: &mut dyn FnMut(Fields<'a>, Fields<'a>) -> Result<(), PduError>,
    ) -> Result<Self, PduError> {
        let (mut application_context, mut user, mut unknown) = (None, None, Vec::new());
        let mut contexts = 0;
        while !fields.is_empty() {
            let at = *fields;
            let (kind, _, mut content) = fields.item()?;
            if kind == APPLICATION_CONTEXT_ITEM {
                let name = content.uid("application context name")?;
                once(&mut application_context, name, at, "application context")?;
            } else if kind == context_item {
                contexts += 1;
                if contexts > CONTEXTS_MAX {
                    return Err(at.error(PduErrorKind::TooMany("presentation contexts")));
                }
                context(at, content)?;
            } else if kind == USER_INFORMATION_ITEM {
                once(&mut user, UserInformation::parse(content)?, at, "user information")?;
            } else {
                if unknown.len() == CONTEXTS_MAX {
                    return Err(at.error(PduErrorKind::TooMany("unknown items")));
                }
                unknown.push(UnknownItem { kind, content: content.rest().to_vec() });
            }
        }
        let missing = |what| fields.error(PduErrorKind::Missing(what));
        Ok(Items {
            application_context: application_context.ok_or_else(|| missing("application context"))?,
            user: user.ok_or_else(|| missing("user information"))?,
            unknown,
        })
    }
}

/// Fills an item that may come only once.
fn once<T>(slot: &mut Option<T>, value: T, at: Fields<'_>, what: &'static str) -> Result<(), PduError> {
    match slot.replace(value) {
        Some(_) => Err(at.error(PduErrorKind::Repeated(what))),
        None => Ok(()),
    }
}

fn proposal(mut fields: Fields<'_>) -> Result<ContextProposal, PduError> {
    let id = fields.u8()?;
    fields.bytes(3)?;
    let (mut abstract_syntax, mut transfer_syntaxes) = (None, Vec::new());
    while !fields.is_empty() {
        let at = fields;
        match fields.item()? {
            (ABSTRACT_SYNTAX_ITEM, _, mut content) => {
                once(&mut abstract_syntax, content.uid("abstract syntax name")?, at, "abstract syntax")?;
            }
            (TRANSFER_SYNTAX_ITEM, _, mut content) => {
                if transfer_syntaxes.len() == TRANSFER_SYNTAXES_MAX {
                    return Err(at.error(PduErrorKind::TooMany("transfer syntaxes")));
                }
                transfer_syntaxes.push(content.uid("transfer syntax name")?);
            }
            _ => {}
        }
    }
    let missing = |what| fields.error(PduErrorKind::Missing(what));
    if transfer_syntaxes.is_empty() {
        return Err(missing("transfer syntax"));
    }
    let abstract_syntax = abstract_syntax.ok_or_else(|| missing("abstract syntax"))?;
    Ok(ContextProposal { id, abstract_syntax, transfer_syntaxes })
}

fn answer(mut fields: Fields<'_>) -> Result<ContextAnswer, PduError> {
    let id = fields.u8()?;
    fields.bytes(1)?;
    let result = ContextResult::from_code(fields.u8()?);
    fields.bytes(1)?;
    let mut transfer_syntax = None;
    while !fields.is_empty() {
        let at = fields;
        // The name of a refused context is not tested (PS3.8 table 9-18): some peers leave it empty.
        if let (TRANSFER_SYNTAX_ITEM, _, mut content) = fields.item()?
            && result == ContextResult::Acceptance
        {
            once(&mut transfer_syntax, content.uid("transfer syntax name")?, at, "transfer syntax")?;
        }
    }
    if result == ContextResult::Acceptance && transfer_syntax.is_none() {
        return Err(fields.error(PduErrorKind::Missing("transfer syntax")));
    }
    Ok(ContextAnswer { id, result, transfer_syntax })
}
