//! What two application entities agree on (PS3.8 section 7.1.1, PS3.7 annex D.3), as a function of request and policy.

use crate::dictionary::sop_class;
use crate::part10::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};
use crate::pdu::{
    APPLICATION_CONTEXT, AeTitle, AssociateAc, AssociateRj, AssociateRq, AsyncWindow, ContextAnswer,
    ContextProposal, ContextResult, ExtendedNegotiation, RoleSelection, UserInformation,
};
use badiano_kernel::id::Uid;

/// Shortest P-DATA-TF a peer may ask for; below it heads would outweigh data.
pub const P_DATA_LENGTH_MIN: u32 = 16;
/// The P-DATA-TF length that we announce unless the policy says another.
pub const P_DATA_LENGTH_ANNOUNCED: u32 = 128 * 1024;
/// Standard storage SOP classes stand below this root (PS3.6 table A-1).
const STORAGE_ROOT: &str = "1.2.840.10008.5.1.4.1.1.";
/// UIDs of the standard itself; everything else is private.
const DICOM_ROOT: &str = "1.2.840.10008.";

/// The roles of the association requestor in one SOP class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    pub scu: bool,
    pub scp: bool,
}

impl Roles {
    /// Without role selection (PS3.7 D.3.3.4).
    pub const DEFAULT: Roles = Roles { scu: true, scp: false };
    pub const BOTH: Roles = Roles { scu: true, scp: true };
}

/// How SOP class extended negotiation is answered (PS3.7 D.3.3.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extended {
    /// Not answered: the defaults of the service class hold.
    Ignored,
    /// Each byte is a flag, and both sides must have it (query/retrieve, PS3.4 C.5.1.1).
    Flags(Vec<u8>),
    /// Always these bytes (storage, PS3.4 B.3.1.4).
    Answer(Vec<u8>),
}

/// One service that the policy offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub abstract_syntax: Uid,
    /// The best first.
    pub transfer_syntaxes: Vec<Uid>,
    /// The roles a requestor may have.
    pub roles: Roles,
    pub extended: Extended,
}

/// Private abstract syntaxes that count as storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateStorage {
    None,
    Listed(Vec<Uid>),
    Any,
}

/// Storage, offered by rule and not class by class, so that a class newer than this program is archived too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageOffer {
    /// Every storage class of the standard: those in the dictionary and those below the root of storage.
    pub standard: bool,
    pub private: PrivateStorage,
    pub transfer_syntaxes: Vec<Uid>,
    pub roles: Roles,
    pub extended: Extended,
}

impl StorageOffer {
    fn covers(&self, uid: &Uid) -> bool {
        let text = uid.as_str();
        if text.starts_with(DICOM_ROOT) {
            return self.standard && (text.starts_with(STORAGE_ROOT) || sop_class(text).is_some());
        }
        match &self.private {
            PrivateStorage::None => false,
            PrivateStorage::Listed(listed) => listed.contains(uid),
            PrivateStorage::Any => true,
        }
    }
}

/// Whose order of transfer syntaxes decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preference {
    Ours,
    /// The requestor's first that we accept: what an archive wants, which keeps an object as it was.
    Theirs,
}

/// What an acceptor agrees to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub offers: Vec<Offer>,
    pub storage: Option<StorageOffer>,
    pub preference: Preference,
    /// Contexts accepted at most; the rest are refused as user-rejection.
    pub contexts_max: usize,
    /// Longest P-DATA-TF that we take, announced to the peer. Not above the decoder's own limit.
    pub p_data_length_max: u32,
    /// `invoked`: operations the requestor may have outstanding; `performed`: those we may. At least 1 each.
    pub window: AsyncWindow,
}

/// What the rim found out about the requestor: titles, certificate, identity, load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// With the server response, for a user identity that asks for one (PS3.7 D.3.3.7).
    Admitted {
        identity_response: Vec<u8>,
    },
    CalledAeNotRecognized,
    CallingAeNotRecognized,
    /// The user identity does not hold; the standard gives no reason of its own.
    IdentityRefused,
    TemporaryCongestion,
    LocalLimitExceeded,
}

/// An accepted presentation context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    pub id: u8,
    pub abstract_syntax: Uid,
    pub transfer_syntax: Uid,
    /// Of the association requestor.
    pub roles: Roles,
    /// Extended negotiation as agreed; empty when there was none.
    pub extended: Vec<u8>,
}

/// What holds for the life of an association.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    pub calling: AeTitle,
    pub called: AeTitle,
    /// Only the accepted ones.
    pub contexts: Vec<Context>,
    /// Longest P-DATA-TF the peer takes; 0 is no limit.
    pub peer_p_data_length_max: u32,
    /// From the requestor's side; 0 is no limit.
    pub window: AsyncWindow,
    pub peer_implementation_class_uid: Option<Uid>,
    pub peer_implementation_version_name: Option<String>,
}

impl Negotiated {
    pub fn context(&self, id: u8) -> Option<&Context> {
        self.contexts.iter().find(|c| c.id == id)
    }
    /// The contexts of a SOP class, in the order of the request.
    pub fn contexts_of(&self, abstract_syntax: &str) -> impl Iterator<Item = &Context> {
        self.contexts.iter().filter(move |c| c.abstract_syntax.as_str() == abstract_syntax)
    }
}

/// The window without the item.
const SYNCHRONOUS: AsyncWindow = AsyncWindow { invoked: 1, performed: 1 };

/// Answers a request. Pure: the same request, policy and admission give the same answer.
pub fn negotiate(
    rq: &AssociateRq,
    policy: &Policy,
    admission: &Admission,
) -> Result<(AssociateAc, Negotiated), AssociateRj> {
    let identity_response = admit(rq, admission)?;
    let mut contexts = Vec::new();
    let mut answers = Vec::new();
    for proposal in &rq.contexts {
        let decision = if contexts.len() < policy.contexts_max {
            decide(rq, policy, proposal)
        } else {
            Err(ContextResult::UserRejection)
        };
        let (result, transfer_syntax) = match decision {
            Ok(context) => {
                let syntax = context.transfer_syntax.clone();
                contexts.push(context);
                (ContextResult::Acceptance, Some(syntax))
            }
            Err(result) => (result, proposal.transfer_syntaxes.first().cloned()),
        };
        answers.push(ContextAnswer { id: proposal.id, result, transfer_syntax });
    }
    let window = rq.user.async_window.map(|asked| AsyncWindow {
        invoked: smaller(asked.invoked, policy.window.invoked.max(1)),
        performed: smaller(asked.performed, policy.window.performed.max(1)),
    });
    let user = UserInformation {
        max_length: policy.p_data_length_max,
        async_window: window,
        roles: role_answers(rq, &contexts),
        extended: extended_answers(&contexts),
        identity_response,
        ..own_implementation()
    };
    let ac = AssociateAc {
        protocol_version: 1,
        called: Some(rq.called.clone()),
        calling: Some(rq.calling.clone()),
        application_context: rq.application_context.clone(),
        contexts: answers,
        user,
        unknown: Vec::new(),
    };
    Ok((ac, agreed(rq, &rq.user, contexts, window)))
}

/// What an answer means to its requestor. `None` when it answers something that was not asked.
pub(super) fn understand(rq: &AssociateRq, ac: &AssociateAc) -> Option<Negotiated> {
    let mut contexts = Vec::new();
    for answer in &ac.contexts {
        let proposal = rq.contexts.iter().find(|c| c.id == answer.id)?;
        if answer.result != ContextResult::Acceptance {
            continue;
        }
        let transfer_syntax = answer.transfer_syntax.clone()?;
        if !proposal.transfer_syntaxes.contains(&transfer_syntax) {
            return None;
        }
        let class = &proposal.abstract_syntax;
        let asked = rq.user.roles.iter().find(|r| &r.sop_class == class);
        let given = ac.user.roles.iter().find(|r| &r.sop_class == class);
        let roles = match (asked, given) {
            (Some(asked), Some(given)) => Roles { scu: asked.scu && given.scu, scp: asked.scp && given.scp },
            _ => Roles::DEFAULT,
        };
        let extended = ac.user.extended.iter().find(|e| &e.sop_class == class);
        contexts.push(Context {
            id: answer.id,
            abstract_syntax: class.clone(),
            transfer_syntax,
            roles,
            extended: extended.map(|e| e.information.clone()).unwrap_or_default(),
        });
    }
    let window = rq.user.async_window.and_then(|asked| {
        ac.user.async_window.map(|given| AsyncWindow {
            invoked: smaller(given.invoked, asked.invoked),
            performed: smaller(given.performed, asked.performed),
        })
    });
    Some(agreed(rq, &ac.user, contexts, window))
}

/// User information that says who built this program.
pub fn own_implementation() -> UserInformation {
    UserInformation {
        max_length: P_DATA_LENGTH_ANNOUNCED,
        implementation_class_uid: Some(Uid::parse(IMPLEMENTATION_CLASS_UID).expect("the constant is a UID")),
        implementation_version_name: Some(IMPLEMENTATION_VERSION_NAME.to_owned()),
        ..UserInformation::default()
    }
}

fn admit(rq: &AssociateRq, admission: &Admission) -> Result<Option<Vec<u8>>, AssociateRj> {
    if rq.protocol_version & 1 == 0 {
        return Err(AssociateRj::PROTOCOL_VERSION_NOT_SUPPORTED);
    }
    if rq.application_context.as_str() != APPLICATION_CONTEXT {
        return Err(AssociateRj::APPLICATION_CONTEXT_NOT_SUPPORTED);
    }
    if (1..P_DATA_LENGTH_MIN).contains(&rq.user.max_length) {
        return Err(AssociateRj::PROVIDER_NO_REASON);
    }
    match admission {
        Admission::Admitted { identity_response } => {
            let wanted = rq.user.identity.as_ref().is_some_and(|i| i.positive_response_requested);
            Ok(wanted.then(|| identity_response.clone()))
        }
        Admission::CalledAeNotRecognized => Err(AssociateRj::CALLED_AE_NOT_RECOGNIZED),
        Admission::CallingAeNotRecognized => Err(AssociateRj::CALLING_AE_NOT_RECOGNIZED),
        Admission::IdentityRefused => Err(AssociateRj::NO_REASON),
        Admission::TemporaryCongestion => Err(AssociateRj::TEMPORARY_CONGESTION),
        Admission::LocalLimitExceeded => Err(AssociateRj::LOCAL_LIMIT_EXCEEDED),
    }
}

fn decide(rq: &AssociateRq, policy: &Policy, proposal: &ContextProposal) -> Result<Context, ContextResult> {
    let class = &proposal.abstract_syntax;
    let listed = policy.offers.iter().find(|o| &o.abstract_syntax == class);
    let (ours, offered, extended) = match (listed, &policy.storage) {
        (Some(offer), _) => (&offer.transfer_syntaxes, offer.roles, &offer.extended),
        (None, Some(s)) if s.covers(class) => (&s.transfer_syntaxes, s.roles, &s.extended),
        _ => return Err(ContextResult::AbstractSyntaxNotSupported),
    };
    let theirs = &proposal.transfer_syntaxes;
    let transfer_syntax = match policy.preference {
        Preference::Ours => ours.iter().find(|s| theirs.contains(s)),
        Preference::Theirs => theirs.iter().find(|s| ours.contains(s)),
    };
    let transfer_syntax = transfer_syntax.ok_or(ContextResult::TransferSyntaxesNotSupported)?.clone();
    let roles = match rq.user.roles.iter().find(|r| &r.sop_class == class) {
        Some(asked) => Roles { scu: asked.scu && offered.scu, scp: asked.scp && offered.scp },
        None => Roles { scu: offered.scu, scp: false },
    };
    if !roles.scu && !roles.scp {
        return Err(ContextResult::UserRejection);
    }
    let asked = rq.user.extended.iter().find(|e| &e.sop_class == class);
    let extended = match (asked, extended) {
        (None, _) | (_, Extended::Ignored) => Vec::new(),
        (Some(_), Extended::Answer(bytes)) => bytes.clone(),
        (Some(asked), Extended::Flags(flags)) => {
            asked.information.iter().zip(flags).map(|(a, b)| a & b).collect()
        }
    };
    Ok(Context { id: proposal.id, abstract_syntax: class.clone(), transfer_syntax, roles, extended })
}

/// One answer for each role selection that was asked for a class of which a context stands.
fn role_answers(rq: &AssociateRq, contexts: &[Context]) -> Vec<RoleSelection> {
    let mut answers: Vec<RoleSelection> = Vec::new();
    for asked in &rq.user.roles {
        let known = answers.iter().any(|a| a.sop_class == asked.sop_class);
        if let Some(context) = contexts.iter().find(|c| c.abstract_syntax == asked.sop_class)
            && !known
        {
            let Roles { scu, scp } = context.roles;
            answers.push(RoleSelection { sop_class: asked.sop_class.clone(), scu, scp });
        }
    }
    answers
}

fn extended_answers(contexts: &[Context]) -> Vec<ExtendedNegotiation> {
    let mut answers: Vec<ExtendedNegotiation> = Vec::new();
    for context in contexts.iter().filter(|c| !c.extended.is_empty()) {
        if !answers.iter().any(|a| a.sop_class == context.abstract_syntax) {
            answers.push(ExtendedNegotiation {
                sop_class: context.abstract_syntax.clone(),
                information: context.extended.clone(),
            });
        }
    }
    answers
}

fn agreed(
    rq: &AssociateRq,
    peer: &UserInformation,
    contexts: Vec<Context>,
    window: Option<AsyncWindow>,
) -> Negotiated {
    Negotiated {
        calling: rq.calling.clone(),
        called: rq.called.clone(),
        contexts,
        peer_p_data_length_max: peer.max_length,
        window: window.unwrap_or(SYNCHRONOUS),
        peer_implementation_class_uid: peer.implementation_class_uid.clone(),
        peer_implementation_version_name: peer.implementation_version_name.clone(),
    }
}

/// The smaller of two window sizes, in which 0 is no limit.
fn smaller(a: u16, b: u16) -> u16 {
    match (a, b) {
        (0, n) | (n, 0) => n,
        (a, b) => a.min(b),
    }
}
