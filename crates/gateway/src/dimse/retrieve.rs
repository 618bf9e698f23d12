//! What C-MOVE and C-GET share (PS3.4 C.4.2, C.4.3): identifiers of the two models, counts of sub-operations, their end.

use super::answer;
use super::rim::Association;
use badiano_dicom::association::{Context, Negotiated};
use badiano_dicom::dataset::DataSet;
use badiano_dicom::dimse::sop_class as sop;
use badiano_dicom::dimse::{Request, Response, SendRefused, Status, StatusClass, Suboperations};
use badiano_dicom::query::{Condition, Level, Query, conditions_from_dataset};
use badiano_dicom::{Tag, tags};
use badiano_kernel::Fault;
use badiano_kernel::id::Uid;
use badiano_record::Session;
use badiano_record::imaging::{Outgoing, OutgoingBytes};
use tokio::runtime::RuntimeFlavor;

const FAILED_SOP_INSTANCE_UID_LIST: Tag = Tag(0x0008, 0x0058);

/// What extended negotiation of query/retrieve agreed on (PS3.4 C.5.1.1, C.5.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Agreed {
    pub relational: bool,
    pub combined_date_time: bool,
    pub fuzzy: bool,
}

impl Agreed {
    pub fn of(context: Option<&Context>) -> Agreed {
        let flag = |at: usize| context.and_then(|c| c.extended.get(at)) == Some(&1);
        Agreed { relational: flag(0), combined_date_time: flag(1), fuzzy: flag(2) }
    }
}

/// An identifier as a question, with the keys to give back. Without relational queries or retrieval the unique keys of
/// the levels above must be single values (PS3.4 C.4.1.2.2.1, C.4.2.2.1).
pub(super) fn question(
    association: &Association,
    context: u8,
    request: &Request,
    bytes: &[u8],
) -> Result<(DataSet, Query, Vec<Tag>), Fault> {
    let coding = answer::coding(&association.provider, context);
    let unreadable = |_| Fault::invalid("the identifier cannot be read");
    let identifier = DataSet::read(bytes, coding).map_err(unreadable)?;
    let class = request.sop_class.as_str();
    let level = level_of(&identifier, class)?;
    let (mut query, returns) = conditions_from_dataset(&identifier, level);
    let agreed = Agreed::of(association.provider.context(context));
    query.combined_date_time = agreed.combined_date_time;
    query.fuzzy = agreed.fuzzy;
    if !agreed.relational {
        hierarchical(&query, is_patient_root(class))?;
    }
    Ok((identifier, query, returns))
}

fn is_patient_root(class: &str) -> bool {
    [sop::PATIENT_ROOT_FIND, sop::PATIENT_ROOT_MOVE, sop::PATIENT_ROOT_GET].contains(&class)
}

fn level_of(identifier: &DataSet, class: &str) -> Result<Level, Fault> {
    let text = identifier.text(tags::QUERY_RETRIEVE_LEVEL).unwrap_or_default();
    match text.as_str() {
        "PATIENT" if is_patient_root(class) => Ok(Level::Patient),
        "STUDY" => Ok(Level::Study),
        "SERIES" => Ok(Level::Series),
        "IMAGE" => Ok(Level::Instance),
        _ => Err(Fault::invalid("the query/retrieve level is not one of the model").at("(0008,0052)")),
    }
}

const UNIQUE_KEYS: [(Level, Tag, &str); 4] = [
    (Level::Patient, tags::PATIENT_ID, "(0010,0020)"),
    (Level::Study, tags::STUDY_INSTANCE_UID, "(0020,000D)"),
    (Level::Series, tags::SERIES_INSTANCE_UID, "(0020,000E)"),
    (Level::Instance, tags::SOP_INSTANCE_UID, "(0008,0018)"),
];

/// At the level of studies a patient-root question without a patient is let through: it asks what a study-root one may.
fn hierarchical(query: &Query, patient_root: bool) -> Result<(), Fault> {
    let is_single = |wanted: Tag| {
        query.conditions.iter().any(|(tag, c)| *tag == wanted && matches!(c, Condition::Single(_)))
    };
    let first = if patient_root && query.level != Level::Study { Level::Patient } else { Level::Study };
    for (level, tag, name) in UNIQUE_KEYS {
        if level >= first && level < query.level && !is_single(tag) {
            let text = format!("{name} is needed: relational queries were not negotiated");
            return Err(Fault::invalid(text).at(name));
        }
    }
    Ok(())
}

/// What a retrieval names: the unique key of its own level must be there.
pub(super) fn retrieval(
    association: &Association,
    context: u8,
    request: &Request,
    bytes: &[u8],
) -> Result<Query, Fault> {
    let (_, query, _) = question(association, context, request, bytes)?;
    let own = UNIQUE_KEYS.iter().find(|(level, ..)| *level == query.level);
    let (_, tag, name) = own.ok_or_else(|| Fault::bug("every level has its unique key"))?;
    let named = query
        .conditions
        .iter()
        .any(|(t, c)| t == tag && matches!(c, Condition::Single(_) | Condition::UidList(_)));
    if !named {
        return Err(Fault::invalid(format!("{name} says what to retrieve, and is missing")).at(*name));
    }
    Ok(query)
}

/// How far a retrieval has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub remaining: usize,
    pub completed: usize,
    pub warning: usize,
    /// SOP instances that did not arrive.
    pub failed: Vec<String>,
    pub cancelled: bool,
}

impl Progress {
    pub fn of(objects: usize) -> Progress {
        Progress { remaining: objects, ..Progress::default() }
    }

    /// One sub-operation has ended.
    pub fn ended(&mut self, sop: &str, status: Option<Status>) {
        self.remaining = self.remaining.saturating_sub(1);
        match status.map(Status::class) {
            Some(StatusClass::Success) => self.completed += 1,
            Some(StatusClass::Warning) => self.warning += 1,
            _ => self.failed.push(sop.to_owned()),
        }
    }

    fn counts(&self, with_remaining: bool) -> Suboperations {
        let number = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        Suboperations {
            remaining: with_remaining.then(|| number(self.remaining)),
            completed: number(self.completed),
            failed: number(self.failed.len()),
            warning: number(self.warning),
        }
    }

    pub fn pending(&self, request: &Request) -> Response {
        Response::to(request, Status::PENDING).with_suboperations(self.counts(true))
    }

    /// The last response, with the list of what failed (PS3.4 C.4.2.1.4.2).
    pub fn close(
        &self,
        association: &mut Association,
        context: u8,
        request: &Request,
    ) -> Result<(), SendRefused> {
        let status = match (self.cancelled, self.failed.len(), self.completed + self.warning) {
            (true, ..) => Status::CANCEL,
            (false, 0, _) => Status::SUCCESS,
            (false, _, 0) => Status::OUT_OF_RESOURCES_SUBOPERATIONS,
            _ => Status::SUBOPERATIONS_WITH_FAILURES,
        };
        let response = Response::to(request, status).with_suboperations(self.counts(self.cancelled));
        if self.failed.is_empty() {
            return association.provider.respond(context, response, false);
        }
        let mut set = DataSet::new();
        set.set_text(FAILED_SOP_INSTANCE_UID_LIST, &self.failed.join("\\"));
        answer::respond_with(&mut association.provider, context, response, &set)
    }
}

/// An object of which a part has been sent.
pub(super) struct Sending(OutgoingBytes);

impl Sending {
    /// Opens an object for a context of this transfer syntax.
    pub fn open(session: &Session, object: &Outgoing, transfer_syntax: &str) -> Result<Sending, Fault> {
        let same = object.transfer_syntax == transfer_syntax;
        aside(!same, || session.open_outgoing(object, transfer_syntax)).map(Sending)
    }

    /// The next bytes of the data set, and whether they are the last.
    pub fn next(&mut self) -> Result<(Vec<u8>, bool), Fault> {
        aside(self.0.expands(), || self.0.next_bytes())
    }
}

/// Runs what may compute for long, so that the other associations of this thread go on.
fn aside<T>(long: bool, run: impl FnOnce() -> T) -> T {
    let many = tokio::runtime::Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
    if long && many { tokio::task::block_in_place(run) } else { run() }
}

/// The context in which an object can go: in its own transfer syntax, else in another one in which it can be given.
pub(super) fn context_for(
    negotiated: &Negotiated,
    object: &Outgoing,
    allowed: impl Fn(&Context) -> bool,
) -> Option<(u8, String)> {
    let found = object.syntaxes().into_iter().find_map(|syntax| {
        let mut contexts = negotiated.contexts_of(&object.sop_class).filter(|c| allowed(c));
        contexts.find(|c| c.transfer_syntax.as_str() == syntax)
    });
    found.map(|c| (c.id, c.transfer_syntax.as_str().to_owned()))
}

/// The request that carries one object.
pub(super) fn store_request(
    message_id: u16,
    object: &Outgoing,
    originator: Option<badiano_dicom::dimse::MoveOriginator>,
) -> Result<Request, Fault> {
    let uid = |text: &str| Uid::parse_lenient(text).map_err(|_| Fault::bug("an archived UID is one"));
    Ok(Request {
        message_id,
        sop_class: uid(&object.sop_class)?,
        parameters: badiano_dicom::dimse::Parameters::CStore {
            sop_instance: uid(&object.sop)?,
            priority: badiano_dicom::dimse::Priority::Medium,
            originator,
        },
    })
}
