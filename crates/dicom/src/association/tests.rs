//! Machine against machine in memory: negotiation, every state's way out, deadlines, hostile bytes.

use super::*;
use crate::dictionary::uids::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, JPEG_BASELINE};
use crate::pdu::{
    AeTitle, AsyncWindow, ContextResult, ExtendedNegotiation, IdentityKind, RoleSelection, UserIdentity,
};
use badiano_kernel::id::Uid;

const VERIFICATION: &str = "1.2.840.10008.1.1";
const STUDY_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const T0: Instant = Instant::from_seconds(1_000);

fn uid(text: &str) -> Uid {
    Uid::parse(text).expect("a UID")
}
fn uids(texts: &[&str]) -> Vec<Uid> {
    texts.iter().map(|t| uid(t)).collect()
}
fn title(text: &str) -> AeTitle {
    AeTitle::parse(text).expect("an AE title")
}

fn policy() -> Policy {
    let little = uids(&[EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN]);
    Policy {
        offers: vec![
            Offer {
                abstract_syntax: uid(VERIFICATION),
                transfer_syntaxes: little.clone(),
                roles: Roles::DEFAULT,
                extended: Extended::Ignored,
            },
            Offer {
                abstract_syntax: uid(STUDY_ROOT_FIND),
                transfer_syntaxes: little.clone(),
                roles: Roles::DEFAULT,
                extended: Extended::Flags(vec![1, 1, 0]),
            },
        ],
        storage: Some(StorageOffer {
            standard: true,
            private: PrivateStorage::Listed(uids(&["1.3.12.2.1107.5.9.1"])),
            transfer_syntaxes: little,
            roles: Roles::BOTH,
            extended: Extended::Answer(vec![2, 0]),
        }),
        preference: Preference::Ours,
        contexts_max: 128,
        p_data_length_max: P_DATA_LENGTH_ANNOUNCED,
        window: AsyncWindow { invoked: 8, performed: 1 },
    }
}

fn request(contexts: &[(&str, &[&str])]) -> AssociateRq {
    let contexts = contexts.iter().map(|(class, syntaxes)| (uid(class), uids(syntaxes))).collect();
    let mut rq = AssociateRq::new(title("TOMO"), title("NORTE"), contexts);
    rq.user = own_implementation();
    rq
}

fn admitted() -> Admission {
    Admission::Admitted { identity_response: b"pase".to_vec() }
}

/// What one side saw, with the bytes of fragments joined.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    events: Vec<String>,
    data: Vec<u8>,
}

/// Feeds bytes in pieces and lets the acceptor answer by itself.
fn feed(side: &mut Association, bytes: &[u8], piece: usize, seen: &mut Seen) {
    for mut part in bytes.chunks(piece.max(1)) {
        loop {
            let event = side.next(&mut part, T0);
            match event {
                None => break,
                Some(Event::Fragment { last, bytes, .. }) => {
                    seen.data.extend_from_slice(bytes);
                    if last {
                        seen.events.push("data".into());
                    }
                }
                Some(Event::Requested(_)) => {
                    seen.events.push("requested".into());
                    let _ = side.answer(&policy(), &admitted(), T0);
                }
                Some(Event::ReleaseRequested) => {
                    seen.events.push("release requested".into());
                    side.answer_release(T0).expect("Sta8");
                }
                Some(other) => seen.events.push(format!("{other:?}")),
            }
        }
    }
}

fn established() -> (Association, Association) {
    let rq = request(&[(VERIFICATION, &[IMPLICIT_VR_LITTLE_ENDIAN])]);
    let mut scu = Association::requestor(Settings::default(), rq, T0);
    let mut scp = Association::acceptor(Settings::default(), T0);
    let mut seen = Seen::default();
    feed(&mut scp, &scu.take_outgoing(), usize::MAX, &mut seen);
    feed(&mut scu, &scp.take_outgoing(), usize::MAX, &mut seen);
    assert_eq!(seen.events, ["requested", "Accepted"]);
    assert_eq!((scu.state(), scp.state()), (State::Sta6, State::Sta6));
    (scu, scp)
}

fn negotiated(rq: &AssociateRq) -> Negotiated {
    negotiate(rq, &policy(), &admitted()).expect("accepted").1
}

#[test]
fn contexts_are_answered_as_the_table_says() {
    let rq = request(&[
        (VERIFICATION, &[IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN]),
        ("1.2.840.10008.5.1.1.9", &[IMPLICIT_VR_LITTLE_ENDIAN]),
        (CT, &[JPEG_BASELINE]),
        ("1.2.840.10008.5.1.4.1.1.999.7", &[IMPLICIT_VR_LITTLE_ENDIAN]),
        ("1.3.12.2.1107.5.9.1", &[IMPLICIT_VR_LITTLE_ENDIAN]),
        ("1.3.12.2.1107.5.9.2", &[IMPLICIT_VR_LITTLE_ENDIAN]),
    ]);
    let (ac, negotiated) = negotiate(&rq, &policy(), &admitted()).expect("accepted");
    let results: Vec<u8> = ac.contexts.iter().map(|c| c.result.code()).collect();
    assert_eq!(results, [0, 3, 4, 0, 0, 3]);
    assert_eq!(negotiated.contexts.iter().map(|c| c.id).collect::<Vec<_>>(), [1, 7, 9]);
    assert_eq!(negotiated.contexts[0].transfer_syntax.as_str(), EXPLICIT_VR_LITTLE_ENDIAN, "our order");
    let theirs = Policy { preference: Preference::Theirs, ..policy() };
    let (_, negotiated) = negotiate(&rq, &theirs, &admitted()).expect("accepted");
    assert_eq!(negotiated.contexts[0].transfer_syntax.as_str(), IMPLICIT_VR_LITTLE_ENDIAN, "their order");
    let few = Policy { contexts_max: 1, ..policy() };
    let (ac, _) = negotiate(&rq, &few, &admitted()).expect("accepted");
    assert_eq!(ac.contexts[3].result, ContextResult::UserRejection);
}

#[test]
fn any_private_class_is_storage_only_where_the_policy_says_so() {
    let rq = request(&[("1.3.12.2.1107.5.9.2", &[IMPLICIT_VR_LITTLE_ENDIAN])]);
    let mut open = policy();
    assert!(negotiated(&rq).contexts.is_empty());
    open.storage.as_mut().expect("there").private = PrivateStorage::Any;
    assert_eq!(negotiate(&rq, &open, &admitted()).expect("accepted").1.contexts.len(), 1);
    open.storage = None;
    assert!(negotiate(&rq, &open, &admitted()).expect("accepted").1.contexts.is_empty());
}

#[test]
fn roles_window_extended_negotiation_and_identity_are_answered() {
    let mut rq = request(&[
        (CT, &[IMPLICIT_VR_LITTLE_ENDIAN]),
        (STUDY_ROOT_FIND, &[IMPLICIT_VR_LITTLE_ENDIAN]),
        (VERIFICATION, &[IMPLICIT_VR_LITTLE_ENDIAN]),
    ]);
    let role = |class: &str, scu, scp| RoleSelection { sop_class: uid(class), scu, scp };
    rq.user.roles = vec![role(CT, true, true), role(STUDY_ROOT_FIND, true, true), role("1.2.3", true, true)];
    rq.user.async_window = Some(AsyncWindow { invoked: 0, performed: 5 });
    rq.user.extended = vec![
        ExtendedNegotiation { sop_class: uid(STUDY_ROOT_FIND), information: vec![1, 0, 1, 1] },
        ExtendedNegotiation { sop_class: uid(CT), information: vec![0, 0, 0, 0, 0, 0] },
        ExtendedNegotiation { sop_class: uid(VERIFICATION), information: vec![1] },
    ];
    rq.user.identity = Some(UserIdentity {
        kind: IdentityKind::Username,
        positive_response_requested: true,
        primary: b"ana".to_vec(),
        secondary: vec![],
    });
    let (ac, negotiated) = negotiate(&rq, &policy(), &admitted()).expect("accepted");
    assert_eq!(ac.user.roles, [role(CT, true, true), role(STUDY_ROOT_FIND, true, false)]);
    assert_eq!(negotiated.window, AsyncWindow { invoked: 8, performed: 1 });
    assert_eq!(ac.user.async_window, Some(negotiated.window));
    assert_eq!(negotiated.contexts[0].extended, [2, 0]);
    assert_eq!(negotiated.contexts[1].extended, [1, 0, 0]);
    assert_eq!(negotiated.contexts[2].extended, [] as [u8; 0]);
    assert_eq!(ac.user.identity_response.as_deref(), Some(&b"pase"[..]));
    let seen_by_requestor = negotiation::understand(&rq, &ac).expect("an answer to this request");
    assert_eq!(seen_by_requestor.contexts, negotiated.contexts);
    assert_eq!(seen_by_requestor.window, negotiated.window);
    rq.user.identity.as_mut().expect("there").positive_response_requested = false;
    rq.user.async_window = None;
    let (ac, negotiated) = negotiate(&rq, &policy(), &admitted()).expect("accepted");
    assert_eq!((ac.user.identity_response, ac.user.async_window), (None, None));
    assert_eq!(negotiated.window, AsyncWindow { invoked: 1, performed: 1 });
}

#[test]
fn a_role_that_is_not_offered_leaves_no_context() {
    let mut rq = request(&[(VERIFICATION, &[IMPLICIT_VR_LITTLE_ENDIAN])]);
    rq.user.roles = vec![RoleSelection { sop_class: uid(VERIFICATION), scu: false, scp: true }];
    let (ac, _) = negotiate(&rq, &policy(), &admitted()).expect("accepted");
    assert_eq!(ac.contexts[0].result, ContextResult::UserRejection);
}

#[test]
fn each_refusal_has_its_own_result_source_and_reason() {
    let rq = request(&[(VERIFICATION, &[IMPLICIT_VR_LITTLE_ENDIAN])]);
    let refused = |rq: &AssociateRq, admission| negotiate(rq, &policy(), &admission).expect_err("refused");
    let parts = |rj: AssociateRj| (rj.result, rj.source, rj.reason);
    assert_eq!(parts(refused(&rq, Admission::CalledAeNotRecognized)), (1, 1, 7));
    assert_eq!(parts(refused(&rq, Admission::CallingAeNotRecognized)), (1, 1, 3));
    assert_eq!(parts(refused(&rq, Admission::IdentityRefused)), (1, 1, 1));
    assert_eq!(parts(refused(&rq, Admission::TemporaryCongestion)), (2, 3, 1));
    assert_eq!(parts(refused(&rq, Admission::LocalLimitExceeded)), (2, 3, 2));
    let mut old = rq.clone();
    old.protocol_version = 2;
    assert_eq!(parts(refused(&old, admitted())), (1, 2, 2));
    let mut foreign = rq.clone();
    foreign.application_context = uid("1.2.3");
    assert_eq!(parts(refused(&foreign, admitted())), (1, 1, 2));
    let mut tiny = rq;
    tiny.user.max_length = 15;
    assert_eq!(parts(refused(&tiny, admitted())), (1, 2, 1));
}

#[test]
fn every_cut_of_both_streams_gives_the_same_association() {
    let run = |piece: usize| {
        let mut rq = request(&[(VERIFICATION, &[IMPLICIT_VR_LITTLE_ENDIAN]), (CT, &[JPEG_BASELINE])]);
        rq.user.max_length = 64;
        let mut scu = Association::requestor(Settings::default(), rq, T0);
        let mut scp = Association::acceptor(Settings::default(), T0);
        let (mut at_scu, mut at_scp) = (Seen::default(), Seen::default());
        let data: Vec<u8> = (0..=255).collect();
        feed(&mut scp, &scu.take_outgoing(), piece, &mut at_scp);
        feed(&mut scu, &scp.take_outgoing(), piece, &mut at_scu);
        scu.send(1, true, &data, true).expect("Sta6");
        scp.send(1, false, &data, true).expect("Sta6");
        feed(&mut scp, &scu.take_outgoing(), piece, &mut at_scp);
        feed(&mut scu, &scp.take_outgoing(), piece, &mut at_scu);
        scu.release(T0).expect("Sta6");
        feed(&mut scp, &scu.take_outgoing(), piece, &mut at_scp);
        feed(&mut scu, &scp.take_outgoing(), piece, &mut at_scu);
        assert_eq!((scu.state(), scp.state()), (State::Sta1, State::Sta13));
        assert_eq!((&at_scu.data, &at_scp.data), (&data, &data));
        (at_scu, at_scp)
    };
    let whole = run(usize::MAX);
    assert_eq!(whole.0.events, ["Accepted", "data", "Released"]);
    assert_eq!(whole.1.events, ["requested", "data", "release requested"]);
    for piece in 1..600 {
        assert_eq!(run(piece), whole, "pieces of {piece}");
    }
}

#[test]
fn two_releases_that_cross_both_end_well() {
    let (mut scu, mut scp) = established();
    scu.release(T0).expect("Sta6");
    scp.release(T0).expect("Sta6");
    let (mut at_scu, mut at_scp) = (Seen::default(), Seen::default());
    let (from_scu, from_scp) = (scu.take_outgoing(), scp.take_outgoing());
    feed(&mut scu, &from_scp, 1, &mut at_scu);
    feed(&mut scp, &from_scu, 1, &mut at_scp);
    assert_eq!((scu.state(), scp.state()), (State::Sta11, State::Sta10));
    feed(&mut scp, &scu.take_outgoing(), 1, &mut at_scp);
    feed(&mut scu, &scp.take_outgoing(), 1, &mut at_scu);
    assert_eq!((scu.state(), scp.state()), (State::Sta1, State::Sta13));
    assert_eq!(at_scu.events, ["Released"]);
    assert_eq!(at_scp.events, ["Released"]);
}

#[test]
fn a_rejection_reaches_the_requestor_with_its_reason() {
    let rq = request(&[(VERIFICATION, &[IMPLICIT_VR_LITTLE_ENDIAN])]);
    let mut scu = Association::requestor(Settings::default(), rq, T0);
    let mut scp = Association::acceptor(Settings::default(), T0);
    let train = scu.take_outgoing();
    let mut input = train.as_slice();
    assert!(matches!(scp.next(&mut input, T0), Some(Event::Requested(_))));
    let refused = scp.answer(&policy(), &Admission::CalledAeNotRecognized, T0);
    assert_eq!(refused, Err(AssociateRj::CALLED_AE_NOT_RECOGNIZED));
    let train = scp.take_outgoing();
    let event = scu.next(&mut train.as_slice(), T0);
    assert_eq!(event, Some(Event::Rejected(AssociateRj::CALLED_AE_NOT_RECOGNIZED)));
    assert_eq!(scu.state(), State::Sta1);
}

#[test]
fn an_answer_that_was_not_asked_for_aborts() {
    let asked = request(&[(VERIFICATION, &[IMPLICIT_VR_LITTLE_ENDIAN])]);
    let other = request(&[(VERIFICATION, &[EXPLICIT_VR_LITTLE_ENDIAN]), (CT, &[EXPLICIT_VR_LITTLE_ENDIAN])]);
    let (ac, _) = negotiate(&other, &policy(), &admitted()).expect("accepted");
    let mut out = crate::pdu::Encoder::new(0);
    out.associate_ac(&ac);
    let mut scu = Association::requestor(Settings::default(), asked, T0);
    let train = out.take();
    let event = scu.next(&mut train.as_slice(), T0);
    assert_eq!(event, Some(Event::Aborted(AbortCause::WrongAnswer)));
    assert_eq!(scu.state(), State::Sta13);
}

#[test]
fn data_for_a_context_that_was_not_accepted_aborts() {
    let (_, mut scp) = established();
    let mut input: &[u8] = &[4, 0, 0, 0, 0, 7, 0, 0, 0, 3, 3, 3, 0];
    let event = scp.next(&mut input, T0);
    assert_eq!(event, Some(Event::Aborted(AbortCause::UnknownContext(3))));
    assert_eq!(scp.take_outgoing(), [7, 0, 0, 0, 0, 4, 0, 0, 2, 6]);
    let (scu, _) = established();
    assert_eq!(scu.may_send(3), Err(SendError::UnknownContext(3)));
}

#[test]
fn a_pdu_out_of_its_state_aborts_with_the_reason_unexpected() {
    for pdu in [&[5, 0, 0, 0, 0, 4, 0, 0, 0, 0][..], &[4, 0, 0, 0, 0, 7, 0, 0, 0, 3, 1, 3, 0]] {
        let mut scp = Association::acceptor(Settings::default(), T0);
        let event = scp.next(&mut &pdu[..], T0);
        assert!(matches!(event, Some(Event::Aborted(AbortCause::Unexpected { .. }))), "{event:?}");
        assert_eq!(scp.take_outgoing(), [7, 0, 0, 0, 0, 4, 0, 0, 2, 2]);
        let mut rest = pdu;
        assert_eq!(scp.next(&mut rest, T0), None, "what comes after is ignored");
        assert!(rest.is_empty());
    }
}

#[test]
fn artim_ends_a_connection_that_asks_nothing() {
    let mut scp = Association::acceptor(Settings::default(), T0);
    let late = T0.plus_seconds(30);
    assert_eq!(scp.deadline(), Some(late));
    assert_eq!(scp.next(&mut &[1u8, 0, 0][..], T0.plus_seconds(29)), None);
    assert_eq!(scp.deadline(), Some(late), "a trickle does not put it off");
    assert_eq!(scp.expire(T0.plus_seconds(29)), None);
    assert_eq!(scp.expire(late), Some(AbortCause::TimedOut(State::Sta2)));
    assert_eq!(scp.state(), State::Sta1);
}

#[test]
fn a_silent_peer_is_aborted_and_then_cut_off() {
    let (_, mut scp) = established();
    let idle = scp.deadline().expect("an idle deadline");
    assert_eq!(idle, T0.plus_seconds(600));
    scp.keep_alive(T0.plus_seconds(100));
    assert_eq!(scp.expire(idle), None);
    let later = T0.plus_seconds(700);
    assert_eq!(scp.expire(later), Some(AbortCause::TimedOut(State::Sta6)));
    assert_eq!(scp.state(), State::Sta13);
    assert_eq!(scp.take_outgoing().len(), 10);
    assert_eq!(scp.expire(later.plus_seconds(30)), None);
    assert_eq!(scp.state(), State::Sta1);
}

#[test]
fn a_closed_connection_is_told_once_and_only_when_it_matters() {
    let (mut scu, _) = established();
    assert_eq!(scu.transport_closed(), Some(AbortCause::ConnectionLost));
    assert_eq!(scu.transport_closed(), None);
    let (mut scu, mut scp) = established();
    scu.abort(Abort::BY_USER, T0);
    let train = scu.take_outgoing();
    let event = scp.next(&mut train.as_slice(), T0);
    assert_eq!(event, Some(Event::Aborted(AbortCause::Peer(Abort::BY_USER))));
    assert_eq!(scu.transport_closed(), None);
}

#[test]
fn an_abort_drops_a_message_that_was_not_finished() {
    let (mut scu, _) = established();
    scu.send(1, false, &[1; 100], false).expect("Sta6");
    scu.abort(Abort::BY_USER, T0);
    assert_eq!(scu.take_outgoing(), [7, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    assert_eq!(scu.send(1, false, &[1], true), Err(SendError::WrongState(State::Sta13)));
}

#[test]
fn mutated_streams_never_leave_an_association_half_way() {
    let rq = request(&[(VERIFICATION, &[IMPLICIT_VR_LITTLE_ENDIAN]), (CT, &[IMPLICIT_VR_LITTLE_ENDIAN])]);
    let mut scu = Association::requestor(Settings::default(), rq, T0);
    let mut clean = scu.take_outgoing();
    let mut out = crate::pdu::Encoder::new(128);
    out.data(1, true, &[3; 60], true);
    out.data(3, false, &[4; 400], true);
    out.release_rq();
    clean.extend(out.take());
    let mut seed = 0x0b5e_55ed_2026_u64;
    println!("seed {seed:#x}");
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).expect("below a usize")
    };
    let (mut released, mut aborted, mut waiting) = (0, 0, 0);
    for _ in 0..10_000 {
        let mut stream = clean.clone();
        for _ in 0..random(3) {
            let at = random(stream.len());
            stream[at] = u8::try_from(random(256)).expect("a byte");
        }
        stream.truncate(stream.len() - random(2) * random(50));
        let mut scp = Association::acceptor(Settings::default(), T0);
        let mut seen = Seen::default();
        feed(&mut scp, &stream, 1 + random(100), &mut seen);
        let ends = seen.events.iter().filter(|e| e.contains("Aborted") || e.contains("release")).count();
        assert!(ends <= 1, "{:?}", seen.events);
        match scp.state() {
            State::Sta1 | State::Sta13 if ends == 0 => assert_eq!(seen.events, ["requested"], "rejected"),
            State::Sta1 | State::Sta13 if seen.events.iter().any(|e| e.contains("release")) => released += 1,
            State::Sta1 | State::Sta13 => aborted += 1,
            State::Sta2 | State::Sta6 => waiting += 1,
            other => panic!("rests in {other:?} after {:?}", seen.events),
        }
    }
    println!("10000 cases: {released} released, {aborted} aborted, {waiting} waiting");
    assert!(released > 1000 && aborted > 1000 && waiting > 100);
}
