//! Command sets byte by byte, and conversations of two providers in memory.

use super::*;
use crate::association::{
    Admission, Extended, Offer, Policy, Preference, PrivateStorage, Roles, Settings, State, StorageOffer,
    own_implementation,
};
use crate::dictionary::uids::IMPLICIT_VR_LITTLE_ENDIAN;
use crate::pdu::{AeTitle, AssociateRq, AsyncWindow, Encoder, RoleSelection};
use badiano_kernel::Instant;
use badiano_kernel::id::Uid;
use dicom_core::Tag;

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const T0: Instant = Instant::from_seconds(1_000);
const ECHO: u8 = 1;
const FIND: u8 = 3;
const GET: u8 = 5;
const STORE: u8 = 7;

fn uid(text: &str) -> Uid {
    Uid::parse(text).expect("a UID")
}
fn title(text: &str) -> AeTitle {
    AeTitle::parse(text).expect("an AE title")
}
fn ask(message_id: u16, class: &str, parameters: Parameters) -> Request {
    Request { message_id, sop_class: uid(class), parameters }
}
fn echo(message_id: u16) -> Request {
    ask(message_id, sop_class::VERIFICATION, Parameters::CEcho)
}
fn find(message_id: u16) -> Request {
    ask(message_id, sop_class::STUDY_ROOT_FIND, Parameters::CFind { priority: Priority::Medium })
}
fn store(message_id: u16) -> Request {
    let parameters =
        Parameters::CStore { sop_instance: uid("1.2.3.4"), priority: Priority::Low, originator: None };
    ask(message_id, CT, parameters)
}

/// Two providers and what each has been told. Data are joined, so that the cut of the stream does not show.
struct Pair {
    scu: Provider,
    scp: Provider,
    piece: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Told {
    Request(u8, Request, bool),
    Response(u8, Response, bool),
    Data(u8, u16, Vec<u8>),
    Other(String),
}

fn feed(side: &mut Provider, bytes: &[u8], piece: usize) -> Vec<Told> {
    let (mut told, mut joined) = (Vec::new(), Vec::new());
    for mut part in bytes.chunks(piece) {
        while let Some(event) = side.next(&mut part, T0) {
            match event {
                Event::Request { context, request, data_set } => {
                    told.push(Told::Request(context, request, data_set));
                }
                Event::Response { context, response, data_set } => {
                    told.push(Told::Response(context, response, data_set));
                }
                Event::Data { context, message_id, bytes, last } => {
                    joined.extend_from_slice(bytes);
                    if last {
                        told.push(Told::Data(context, message_id, std::mem::take(&mut joined)));
                    }
                }
                Event::Requested(_) => {
                    let admission = Admission::Admitted { identity_response: vec![] };
                    side.answer(&policy(), &admission, T0).expect("accepted");
                }
                other => told.push(Told::Other(format!("{other:?}"))),
            }
        }
    }
    assert!(joined.is_empty(), "a data set without its end");
    told
}

fn policy() -> Policy {
    let syntaxes = vec![uid(IMPLICIT_VR_LITTLE_ENDIAN)];
    let offer = |class: &str| Offer {
        abstract_syntax: uid(class),
        transfer_syntaxes: syntaxes.clone(),
        roles: Roles::DEFAULT,
        extended: Extended::Ignored,
    };
    Policy {
        offers: [sop_class::VERIFICATION, sop_class::STUDY_ROOT_FIND, sop_class::STUDY_ROOT_GET]
            .map(offer)
            .to_vec(),
        storage: Some(StorageOffer {
            standard: true,
            private: PrivateStorage::None,
            transfer_syntaxes: syntaxes.clone(),
            roles: Roles::BOTH,
            extended: Extended::Ignored,
        }),
        preference: Preference::Ours,
        contexts_max: 128,
        p_data_length_max: 256,
        window: AsyncWindow { invoked: 3, performed: 1 },
    }
}

impl Pair {
    fn new(piece: usize, window: Option<AsyncWindow>) -> Self {
        let classes = [sop_class::VERIFICATION, sop_class::STUDY_ROOT_FIND, sop_class::STUDY_ROOT_GET, CT];
        let contexts = classes.map(|c| (uid(c), vec![uid(IMPLICIT_VR_LITTLE_ENDIAN)])).to_vec();
        let mut rq = AssociateRq::new(title("TOMO"), title("NORTE"), contexts);
        rq.user = own_implementation();
        rq.user.max_length = 100;
        rq.user.async_window = window;
        rq.user.roles = vec![RoleSelection { sop_class: uid(CT), scu: true, scp: true }];
        let mut pair = Pair {
            scu: Provider::requestor(Settings::default(), rq, T0),
            scp: Provider::acceptor(Settings::default(), T0),
            piece,
        };
        assert_eq!(pair.at_scp(), []);
        assert_eq!(pair.at_scu(), [Told::Other("Accepted".into())]);
        pair
    }
    fn at_scp(&mut self) -> Vec<Told> {
        feed(&mut self.scp, &self.scu.take_outgoing(), self.piece)
    }
    fn at_scu(&mut self) -> Vec<Told> {
        feed(&mut self.scu, &self.scp.take_outgoing(), self.piece)
    }
}

/// A pair that cuts nothing and has no asynchronous window.
fn pair() -> Pair {
    Pair::new(usize::MAX, None)
}

/// C-ECHO-RQ after PS3.7 table 9.3-12, written byte by byte.
#[rustfmt::skip]
fn echo_by_hand() -> Vec<u8> {
    let mut bytes = vec![0, 0, 0x00, 0x00, 4, 0, 0, 0, 0x38, 0, 0, 0];
    bytes.extend([0, 0, 0x02, 0x00, 0x12, 0, 0, 0]);
    bytes.extend(b"1.2.840.10008.1.1\0");
    bytes.extend([0, 0, 0x00, 0x01, 2, 0, 0, 0, 0x30, 0x00]);
    bytes.extend([0, 0, 0x10, 0x01, 2, 0, 0, 0, 0x07, 0x00]);
    bytes.extend([0, 0, 0x00, 0x08, 2, 0, 0, 0, 0x01, 0x01]);
    bytes
}

#[test]
fn an_echo_has_the_bytes_of_its_table() {
    assert_eq!(Command::Request(echo(7)).to_bytes(false), echo_by_hand());
    assert_eq!(read_command(&echo_by_hand()), Ok((Command::Request(echo(7)), false)));
}

#[test]
fn every_request_and_response_reads_as_it_was_written() {
    let instance = || uid("1.2.3.4");
    let originator = Some(MoveOriginator { ae_title: title("SUR"), message_id: 65_535 });
    let all = [
        Parameters::CStore { sop_instance: instance(), priority: Priority::High, originator },
        Parameters::CStore { sop_instance: instance(), priority: Priority::Low, originator: None },
        Parameters::CFind { priority: Priority::Medium },
        Parameters::CGet { priority: Priority::High },
        Parameters::CMove { priority: Priority::Low, destination: title("ESTACION 7") },
        Parameters::CEcho,
        Parameters::NEventReport { sop_instance: instance(), event_type: 2 },
        Parameters::NGet {
            sop_instance: instance(),
            attributes: vec![Tag(0x0010, 0x0020), Tag(0x0040, 0xA730)],
        },
        Parameters::NSet { sop_instance: instance() },
        Parameters::NAction { sop_instance: instance(), action_type: 1 },
        Parameters::NCreate { sop_instance: Some(instance()) },
        Parameters::NCreate { sop_instance: None },
        Parameters::NDelete { sop_instance: instance() },
    ];
    let mut fields = Vec::new();
    for (n, parameters) in (1u16..).zip(all) {
        let request = ask(n, "1.2.840.10008.1.20.1", parameters);
        fields.push(request.operation().field());
        let mut response = Response::to(&request, Status::PROCESSING_FAILURE)
            .with_comment("se acabó el espacio")
            .with_offending(Tag(0x0008, 0x0018));
        if matches!(request.operation(), Operation::CGet | Operation::CMove) {
            let counts = Suboperations { remaining: Some(3), completed: 2, failed: 1, warning: 0 };
            response = response.with_suboperations(counts);
        }
        for data_set in [false, true] {
            let command = Command::Request(request.clone());
            assert_eq!(read_command(&command.to_bytes(data_set)), Ok((command, data_set)));
        }
        let bytes = Command::Response(response.clone()).to_bytes(false);
        response.error_comment = Some("se acab? el espacio".into());
        assert_eq!(read_command(&bytes), Ok((Command::Response(response), false)));
    }
    fields.dedup();
    assert_eq!(
        fields,
        [0x0001, 0x0020, 0x0010, 0x0021, 0x0030, 0x0100, 0x0110, 0x0120, 0x0130, 0x0140, 0x0150]
    );
    let cancel = Command::Cancel { message_id: 9 };
    assert_eq!(read_command(&cancel.to_bytes(false)), Ok((cancel, false)));
}

#[test]
fn statuses_have_their_classes() {
    for (status, class) in [
        (Status::SUCCESS, StatusClass::Success),
        (Status::PENDING, StatusClass::Pending),
        (Status::PENDING_KEYS_NOT_SUPPORTED, StatusClass::Pending),
        (Status::CANCEL, StatusClass::Cancel),
        (Status::COERCION_OF_DATA_ELEMENTS, StatusClass::Warning),
        (Status::ATTRIBUTE_LIST_ERROR, StatusClass::Warning),
        (Status::OUT_OF_RESOURCES, StatusClass::Failure),
        (Status(0xC123), StatusClass::Failure),
        (Status(0x1234), StatusClass::Failure),
    ] {
        assert_eq!(status.class(), class, "{status}");
    }
}

#[test]
fn a_command_cut_or_broken_anywhere_is_refused() {
    let whole = echo_by_hand();
    for cut in 0..whole.len() {
        let error = read_command(&whole[..cut]).expect_err("a part of a command");
        assert!(error.offset <= cut, "{error}");
    }
    let mut foreign = whole.clone();
    foreign[12] = 8;
    assert_eq!(read_command(&foreign).expect_err("group 0008").kind, CommandErrorKind::WrongGroup);
    let mut huge = whole.clone();
    huge[16..20].copy_from_slice(&[0xff; 4]);
    assert_eq!(read_command(&huge).expect_err("4 GB").kind, CommandErrorKind::Truncated);
    let mut twice = whole.clone();
    twice.extend(&whole[58..]);
    assert_eq!(read_command(&twice).expect_err("twice").kind, CommandErrorKind::Repeated);
    let long = vec![0; COMMAND_LENGTH_MAX + 1];
    assert_eq!(read_command(&long).expect_err("too long").kind, CommandErrorKind::TooLong);
}

#[test]
fn an_object_passes_through_whatever_the_cut() {
    let object: Vec<u8> = (0..5000u32).map(|n| n.to_le_bytes()[0]).collect();
    for piece in [1, 2, 3, 5, 7, 11, 64, 255, 256, 257, 1000, usize::MAX] {
        let mut pair = Pair::new(piece, None);
        pair.scu.invoke(STORE, store(1), true).expect("idle");
        object.chunks(333).for_each(|part| pair.scu.data(part, false).expect("open"));
        pair.scu.data(&[], true).expect("open");
        let told = pair.at_scp();
        assert_eq!(told, [Told::Request(STORE, store(1), true), Told::Data(STORE, 1, object.clone())]);
        let response = Response::to(&store(1), Status::SUCCESS);
        pair.scp.respond(STORE, response.clone(), false).expect("outstanding");
        assert_eq!(pair.at_scu(), [Told::Response(STORE, response, false)]);
        assert_eq!((pair.scp.performing(), pair.scu.invoked()), (0, 0));
        pair.scu.release(T0).expect("idle");
        assert_eq!(pair.at_scp(), [Told::Other("ReleaseRequested".into())]);
        pair.scp.answer_release(T0).expect("asked");
        assert_eq!(pair.at_scu(), [Told::Other("Released".into())]);
    }
}

#[test]
fn a_find_is_cancelled_in_its_middle() {
    let mut pair = pair();
    pair.scu.invoke(FIND, find(5), true).expect("idle");
    pair.scu.data(b"identificador.", true).expect("open");
    pair.at_scp();
    let pending = Response::to(&find(5), Status::PENDING);
    pair.scp.respond(FIND, pending.clone(), true).expect("outstanding");
    assert_eq!(pair.scp.respond(FIND, pending.clone(), true), Err(SendRefused::MessageOpen));
    pair.scp.data(b"uno.", true).expect("open");
    let told = pair.at_scu();
    assert_eq!(told, [Told::Response(FIND, pending, true), Told::Data(FIND, 5, b"uno.".to_vec())]);
    assert_eq!(pair.scu.cancel(FIND, 6), Err(SendRefused::NotOutstanding));
    pair.scu.cancel(FIND, 5).expect("outstanding");
    assert!(!pair.scp.is_cancelled(5));
    assert_eq!(pair.at_scp(), [Told::Other("Cancel { context: 3, message_id: 5 }".into())]);
    assert!(pair.scp.is_cancelled(5));
    let last = Response::to(&find(5), Status::CANCEL);
    pair.scp.respond(FIND, last.clone(), false).expect("outstanding");
    assert_eq!(pair.at_scu(), [Told::Response(FIND, last.clone(), false)]);
    assert_eq!(pair.scp.respond(FIND, last, false), Err(SendRefused::NotOutstanding));
}

#[test]
fn a_cancel_that_crosses_the_last_response_does_nothing() {
    let mut pair = pair();
    pair.scu.invoke(FIND, find(5), true).expect("idle");
    pair.scu.data(b"id", true).expect("open");
    pair.at_scp();
    pair.scp.respond(FIND, Response::to(&find(5), Status::SUCCESS), false).expect("outstanding");
    pair.scu.cancel(FIND, 5).expect("outstanding");
    assert_eq!(pair.at_scp(), []);
    assert_eq!(pair.at_scu().len(), 1);
}

#[test]
fn a_get_sends_its_objects_over_the_same_association() {
    let mut pair = pair();
    let get = ask(9, sop_class::STUDY_ROOT_GET, Parameters::CGet { priority: Priority::Medium });
    pair.scu.invoke(GET, get.clone(), true).expect("idle");
    pair.scu.data(b"id", true).expect("open");
    pair.at_scp();
    let id = pair.scp.next_message_id();
    pair.scp.invoke(STORE, store(id), true).expect("the requestor took the role SCP");
    assert_eq!(pair.scp.invoke(STORE, store(id), true), Err(SendRefused::MessageOpen));
    pair.scp.data(&[5; 300], true).expect("open");
    assert_eq!(pair.scp.invoke(STORE, store(id + 1), true), Err(SendRefused::WindowFull));
    let told = pair.at_scu();
    assert_eq!(told, [Told::Request(STORE, store(id), true), Told::Data(STORE, id, vec![5; 300])]);
    pair.scu.respond(STORE, Response::to(&store(id), Status::SUCCESS), false).expect("outstanding");
    assert_eq!(pair.at_scp().len(), 1);
    let counts = Suboperations { remaining: None, completed: 1, failed: 0, warning: 0 };
    let done = Response::to(&get, Status::SUCCESS).with_suboperations(counts);
    pair.scp.respond(GET, done.clone(), false).expect("outstanding");
    assert_eq!(pair.at_scu(), [Told::Response(GET, done, false)]);
    assert_eq!(pair.scp.invoke(ECHO, echo(1), false), Err(SendRefused::WrongRole));
}

#[test]
fn as_many_operations_are_outstanding_as_were_negotiated() {
    let mut pair = Pair::new(usize::MAX, Some(AsyncWindow { invoked: 0, performed: 1 }));
    for id in [1, 2, 3] {
        pair.scu.invoke(ECHO, echo(id), false).expect("below the window of 3");
    }
    assert_eq!(pair.scu.invoke(ECHO, echo(4), false), Err(SendRefused::WindowFull));
    assert_eq!(pair.at_scp().len(), 3);
    // Answers may come in any order.
    for id in [2, 3, 1] {
        pair.scp.respond(ECHO, Response::to(&echo(id), Status::SUCCESS), false).expect("outstanding");
    }
    assert_eq!(pair.at_scu().len(), 3);
    pair.scu.invoke(ECHO, echo(2), false).expect("free again");
    assert_eq!(pair.scu.invoke(ECHO, echo(2), false), Err(SendRefused::MessageIdInUse));
    let mut alone = Pair::new(usize::MAX, None);
    alone.scu.invoke(ECHO, echo(1), false).expect("the first");
    assert_eq!(alone.scu.invoke(ECHO, echo(2), false), Err(SendRefused::WindowFull));
}

/// Messages written without a provider, as a peer that keeps no rules would.
fn raw(parts: &[(u8, &[u8], bool)]) -> Vec<u8> {
    let mut out = Encoder::new(128);
    parts.iter().for_each(|(context, bytes, command)| out.data(*context, *command, bytes, true));
    out.take()
}

#[test]
fn a_request_that_cannot_be_read_is_answered_and_the_next_is_served() {
    let mut unknown = echo_by_hand();
    unknown[46] = 0x31;
    let mut bad_instance = Command::Request(store(3)).to_bytes(true);
    let place = bad_instance.windows(7).position(|w| w == b"1.2.3.4").expect("the instance");
    bad_instance[place] = b'x';
    for (context, bytes, data_set, status) in [
        (ECHO, unknown, false, Status::UNRECOGNIZED_OPERATION),
        (STORE, bad_instance, true, Status::INVALID_SOP_INSTANCE),
    ] {
        let mut pair = pair();
        let mut stream = raw(&[(context, &bytes, true)]);
        if data_set {
            stream.extend(raw(&[(context, &[1; 500], false)]));
        }
        stream.extend(raw(&[(ECHO, &echo_by_hand(), true)]));
        let told = feed(&mut pair.scp, &stream, 50);
        assert!(matches!(&told[0], Told::Other(text) if text.starts_with("Refused")), "{told:?}");
        assert_eq!(told[1..], [Told::Request(ECHO, echo(7), false)]);
        let answers = pair.at_scu();
        match &answers[..] {
            [Told::Response(_, response, false)] => assert_eq!(response.status, status),
            [Told::Other(text)] => assert!(text.contains("UnknownOperation(32817)"), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_doubled_message_id_and_a_flood_are_refused_without_ending_the_association() {
    let mut pair = pair();
    let told = feed(&mut pair.scp, &raw(&[(ECHO, &echo_by_hand(), true), (ECHO, &echo_by_hand(), true)]), 9);
    assert_eq!(told.len(), 2);
    assert!(matches!(&told[1], Told::Other(text) if text.contains("Status(528)")), "{told:?}");
    for id in 100..200 {
        feed(&mut pair.scp, &raw(&[(ECHO, &Command::Request(echo(id)).to_bytes(false), true)]), 999);
    }
    assert_eq!(pair.scp.performing(), 16);
    assert_eq!(pair.scp.state(), State::Sta6);
}

#[test]
fn a_refusal_waits_for_the_message_that_is_being_sent() {
    let mut pair = pair();
    pair.scu.invoke(FIND, find(5), true).expect("idle");
    pair.scu.data(b"id", true).expect("open");
    pair.at_scp();
    pair.scp.respond(FIND, Response::to(&find(5), Status::PENDING), true).expect("outstanding");
    pair.scp.data(&[1; 150], false).expect("open");
    let same = Command::Request(find(5)).to_bytes(false);
    feed(&mut pair.scp, &raw(&[(FIND, &same, true)]), 999);
    pair.scp.data(&[2; 50], true).expect("open");
    let told = pair.at_scu();
    assert_eq!(told.len(), 3);
    assert!(matches!(&told[2], Told::Response(_, r, false) if r.status == Status::DUPLICATE_INVOCATION));
}

#[test]
fn fragments_out_of_their_turn_abort() {
    let request = Command::Request(store(1)).to_bytes(true);
    for stream in [
        raw(&[(STORE, &[1], false)]),
        raw(&[(STORE, &request, true), (FIND, &[1], false)]),
        raw(&[(STORE, &request, true), (STORE, &request, true)]),
        raw(&[(STORE, &echo_by_hand()[..40], true)]),
    ] {
        let mut pair = pair();
        let told = feed(&mut pair.scp, &stream, 1000);
        let last = told.last().cloned();
        assert!(matches!(&last, Some(Told::Other(t)) if t.starts_with("Aborted(Message")), "{told:?}");
        assert_eq!(pair.scp.state(), State::Sta13);
    }
}

#[test]
fn a_command_without_end_is_cut_off_at_its_limit() {
    let mut pair = pair();
    let mut out = Encoder::new(256);
    out.data(ECHO, true, &vec![0; COMMAND_LENGTH_MAX + 300], false);
    let told = feed(&mut pair.scp, &out.take(), 1000);
    assert!(matches!(&told[..], [Told::Other(t)] if t.contains("TooLong")), "{told:?}");
}

#[test]
fn the_idle_deadline_rests_while_the_peer_waits_for_us() {
    let mut pair = pair();
    assert!(pair.scp.deadline().is_some());
    pair.scu.invoke(FIND, find(5), true).expect("idle");
    pair.scu.data(&[0; 300], false).expect("open");
    let part = pair.scu.take_outgoing();
    let mut input = part.as_slice();
    while pair.scp.next(&mut input, T0).is_some() {}
    assert!(pair.scp.deadline().is_some(), "the peer has not finished its request");
    pair.scu.data(&[0; 3], true).expect("open");
    pair.at_scp();
    assert_eq!(pair.scp.deadline(), None);
    assert_eq!(pair.scp.expire(T0.plus_seconds(100_000)), None);
    pair.scp.respond(FIND, Response::to(&find(5), Status::SUCCESS), false).expect("outstanding");
    assert!(pair.scp.deadline().is_some());
}

#[test]
fn mutated_messages_are_answered_refused_or_aborted_and_hold_no_memory() {
    let object = vec![6; 700];
    let clean = raw(&[
        (ECHO, &echo_by_hand(), true),
        (STORE, &Command::Request(store(2)).to_bytes(true), true),
        (STORE, &object, false),
        (FIND, &Command::Request(find(3)).to_bytes(true), true),
        (FIND, &object, false),
    ]);
    let mut seed = 0xd1_4e5e_u64;
    println!("seed {seed:#x}");
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).expect("below a usize")
    };
    let (mut served, mut refused, mut aborted) = (0, 0, 0);
    for _ in 0..10_000 {
        let mut stream = clean.clone();
        for _ in 0..1 + random(3) {
            let at = random(stream.len());
            stream[at] = u8::try_from(random(256)).expect("a byte");
        }
        let mut pair = pair();
        for mut part in stream.chunks(1 + random(300)) {
            while let Some(event) = pair.scp.next(&mut part, T0) {
                match event {
                    Event::Request { .. } => served += 1,
                    Event::Refused { .. } => refused += 1,
                    Event::Aborted(_) => aborted += 1,
                    _ => {}
                }
            }
        }
        assert!(pair.scp.performing() <= 16 && pair.scp.outgoing_length() < 2000);
    }
    println!("10000 cases: {served} served, {refused} refused, {aborted} aborted");
    assert!(served > 10_000 && refused > 100 && aborted > 1000);
}
