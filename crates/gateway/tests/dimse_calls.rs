//! One association with one request, and every byte that came back.

use badiano_dicom::association::{Settings, State, own_implementation};
use badiano_dicom::dataset::DataSet;
use badiano_dicom::dictionary::{Coding, uids};
use badiano_dicom::dimse::sop_class as sop;
use badiano_dicom::dimse::{Event, Operation, Parameters, Priority, Provider, Request};
use badiano_dicom::pdu::{AeTitle, AssociateRq};
use badiano_dicom::tags;
use badiano_kernel::Instant;
use badiano_kernel::id::Uid;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a call heard.
#[derive(Default)]
pub struct Heard {
    pub rejected: bool,
    pub aborted: bool,
    pub statuses: Vec<u16>,
    /// Every byte from the other side.
    pub whole: Vec<u8>,
}

impl Heard {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.whole).into_owned()
    }
}

pub fn uid(text: &str) -> Uid {
    Uid::parse(text).expect("a UID")
}

/// The request of an operation of a service, and its data set.
pub fn request(class: &str, operation: Operation, about: &About) -> (Request, Option<DataSet>) {
    let priority = Priority::default();
    let parameters = match operation {
        Operation::CEcho => Parameters::CEcho,
        Operation::CFind => Parameters::CFind { priority },
        Operation::CGet => Parameters::CGet { priority },
        Operation::CMove => {
            let destination = AeTitle::parse(about.destination).expect("a title");
            Parameters::CMove { priority, destination }
        }
        Operation::CStore => Parameters::CStore { sop_instance: uid(&about.sop), priority, originator: None },
        Operation::NAction => {
            Parameters::NAction { sop_instance: uid(sop::STORAGE_COMMITMENT_PUSH_INSTANCE), action_type: 1 }
        }
        Operation::NCreate => Parameters::NCreate { sop_instance: Some(uid(&about.step)) },
        Operation::NSet => Parameters::NSet { sop_instance: uid(&about.step) },
        other => panic!("{class}: give {other:?} a request in tests/dimse_calls.rs"),
    };
    let request = Request { message_id: 1, sop_class: uid(class), parameters };
    (request, data_set(class, operation, about))
}

/// What the requests are about.
pub struct About {
    pub study: String,
    pub sop: String,
    pub sop_class: String,
    pub accession: String,
    /// A performed step, made by N-CREATE and changed by N-SET.
    pub step: String,
    pub destination: &'static str,
}

fn data_set(class: &str, operation: Operation, about: &About) -> Option<DataSet> {
    let mut set = DataSet::new();
    match operation {
        Operation::CEcho | Operation::CStore => return None,
        Operation::CFind if class == sop::MODALITY_WORKLIST_FIND => {
            set.set_text(tags::PATIENT_NAME, "");
            set.set_text(tags::PATIENT_ID, "");
            set.set_text(tags::ACCESSION_NUMBER, "");
            set.set_text(tags::STUDY_INSTANCE_UID, "");
        }
        Operation::CFind => {
            set.set_text(tags::QUERY_RETRIEVE_LEVEL, "STUDY");
            for tag in
                [tags::PATIENT_NAME, tags::PATIENT_ID, tags::ACCESSION_NUMBER, tags::STUDY_INSTANCE_UID]
            {
                set.set_text(tag, "");
            }
        }
        Operation::CMove | Operation::CGet => {
            set.set_text(tags::QUERY_RETRIEVE_LEVEL, "STUDY");
            set.set_text(tags::STUDY_INSTANCE_UID, &about.study);
        }
        Operation::NAction => {
            let mut item = DataSet::new();
            item.set_text(tags::REFERENCED_SOP_CLASS_UID, &about.sop_class);
            item.set_text(tags::REFERENCED_SOP_INSTANCE_UID, &about.sop);
            set.set_text(tags::TRANSACTION_UID, Uid::random().as_str());
            set.set_items(tags::REFERENCED_SOP_SEQUENCE, vec![item]);
        }
        Operation::NCreate | Operation::NSet => {
            let mut item = DataSet::new();
            item.set_text(tags::STUDY_INSTANCE_UID, &about.study);
            item.set_text(tags::ACCESSION_NUMBER, &about.accession);
            set.set_text(tags::PERFORMED_PROCEDURE_STEP_STATUS, "IN PROGRESS");
            if operation == Operation::NCreate {
                set.set_items(tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE, vec![item]);
            }
        }
        other => panic!("{class}: give {other:?} a data set in tests/dimse_calls.rs"),
    }
    Some(set)
}

/// One call from `calling` to `called`.
pub async fn call(
    at: SocketAddr,
    calling: &str,
    called: &str,
    request: Request,
    data: Option<Vec<u8>>,
) -> Heard {
    let title = |text: &str| AeTitle::parse(text).expect("a title");
    let syntax = || vec![uid(uids::IMPLICIT_VR_LITTLE_ENDIAN)];
    let mut proposals = vec![(request.sop_class.clone(), syntax())];
    if request.operation() == Operation::CGet {
        proposals.push((uid("1.2.840.10008.5.1.4.1.1.2"), syntax()));
    }
    let mut rq = AssociateRq::new(title(calling), title(called), proposals);
    rq.user = own_implementation();
    let whole = converse(at, rq, request, data);
    tokio::time::timeout(Duration::from_secs(20), whole).await.expect("the node answers in time")
}

async fn converse(at: SocketAddr, rq: AssociateRq, request: Request, data: Option<Vec<u8>>) -> Heard {
    let mut stream = TcpStream::connect(at).await.expect("a connection");
    let mut provider = Provider::requestor(Settings::default(), rq, Instant::now());
    let (mut heard, mut buffer, mut request) = (Heard::default(), vec![0_u8; 64 << 10], Some(request));
    loop {
        let out = provider.take_outgoing();
        if stream.write_all(&out).await.is_err() || provider.state() == State::Sta1 {
            return heard;
        }
        let taken = stream.read(&mut buffer).await.unwrap_or(0);
        if taken == 0 {
            return heard;
        }
        heard.whole.extend_from_slice(&buffer[..taken]);
        let mut input = &buffer[..taken];
        while let Some(event) = provider.next(&mut input, Instant::now()) {
            match event {
                Event::Accepted => {
                    let request = request.take().expect("accepted once");
                    let class = request.sop_class.as_str().to_owned();
                    let agreed =
                        provider.negotiated().and_then(|n| n.contexts_of(&class).next().map(|c| c.id));
                    let Some(context) = agreed else { return heard };
                    provider.invoke(context, request, data.is_some()).expect("invoked");
                    if let Some(bytes) = &data {
                        provider.data(bytes, true).expect("sent");
                    }
                }
                Event::Rejected(_) => heard.rejected = true,
                Event::Aborted(_) => heard.aborted = true,
                Event::Response { response, .. } => {
                    heard.statuses.push(response.status.0);
                    // Pending goes on (FF00, FF01); the last one ends the call.
                    if response.status.0 & 0xFFFE != 0xFF00 {
                        let _ = provider.release(Instant::now());
                    }
                }
                _ => {}
            }
        }
    }
}

pub fn written(set: &DataSet) -> Vec<u8> {
    set.write(Coding::ImplicitLittle)
}
