//! Byte vectors after the tables of PS3.8 section 9.3, every cut of the stream, and hostile input.

use super::*;
use badiano_kernel::id::Uid;

fn uid(text: &str) -> Uid {
    Uid::parse(text).expect("a UID")
}

fn title(text: &str) -> AeTitle {
    AeTitle::parse(text).expect("an AE title")
}

/// A-ASSOCIATE-RQ as PS3.8 tables 9-11 to 9-16 lay it out, written byte by byte.
fn request_by_hand() -> Vec<u8> {
    let mut body = vec![0x00, 0x01, 0x00, 0x00];
    body.extend(b"NORTE           ");
    body.extend(b"TOMOGRAFO 1     ");
    body.extend([0; 32]);
    body.extend([0x10, 0x00, 0x00, 0x15]);
    body.extend(b"1.2.840.10008.3.1.1.1");
    body.extend([0x20, 0x00, 0x00, 0x2e, 0x01, 0x00, 0x00, 0x00]);
    body.extend([0x30, 0x00, 0x00, 0x11]);
    body.extend(b"1.2.840.10008.1.1");
    body.extend([0x40, 0x00, 0x00, 0x11]);
    body.extend(b"1.2.840.10008.1.2");
    let mut user = vec![0x51, 0x00, 0x00, 0x04, 0x00, 0x00, 0x40, 0x00];
    user.extend([0x52, 0x00, 0x00, 0x05]);
    user.extend(b"2.257");
    user.extend([0x53, 0x00, 0x00, 0x04, 0x00, 0x03, 0x00, 0x00]);
    user.extend([0x54, 0x00, 0x00, 0x09, 0x00, 0x05]);
    user.extend(b"1.2.3");
    user.extend([0x00, 0x01]);
    user.extend([0x55, 0x00, 0x00, 0x06]);
    user.extend(b"TOMO_1");
    user.extend([0x56, 0x00, 0x00, 0x0a, 0x00, 0x05]);
    user.extend(b"1.2.3");
    user.extend([0x01, 0x00, 0x01]);
    user.extend([0x57, 0x00, 0x00, 0x17, 0x00, 0x05]);
    user.extend(b"1.2.3");
    user.extend([0x00, 0x05]);
    user.extend(b"1.2.4");
    user.extend([0x00, 0x07, 0x00, 0x05]);
    user.extend(b"1.2.5");
    user.extend([0x58, 0x00, 0x00, 0x0d, 0x02, 0x01, 0x00, 0x03]);
    user.extend(b"ana");
    user.extend([0x00, 0x04]);
    user.extend(b"agua");
    user.extend([0x7e, 0x00, 0x00, 0x02, 0xca, 0xfe]);
    body.extend([0x50, 0x00, 0x00, u8::try_from(user.len()).expect("below 256")]);
    body.extend(user);
    assert_eq!(body.len(), 0x0103);
    let mut pdu = vec![0x01, 0x00, 0x00, 0x00, 0x01, 0x03];
    pdu.extend(body);
    pdu
}

fn owned(decoded: Decoded<'_>) -> Decoded<'static> {
    match decoded {
        Decoded::AssociateRq(rq) => Decoded::AssociateRq(rq),
        Decoded::AssociateAc(ac) => Decoded::AssociateAc(ac),
        Decoded::AssociateRj(rj) => Decoded::AssociateRj(rj),
        Decoded::ReleaseRq => Decoded::ReleaseRq,
        Decoded::ReleaseRp => Decoded::ReleaseRp,
        Decoded::Abort(abort) => Decoded::Abort(abort),
        Decoded::Pdv { context, command, last, bytes } => {
            Decoded::Pdv { context, command, last, bytes: bytes.to_vec().leak() }
        }
    }
}

/// All PDUs of a stream fed in pieces; neighbouring slices of one PDV joined, so that the cut does not show.
fn decode(stream: &[u8], piece: usize) -> Result<Vec<Decoded<'static>>, PduError> {
    let mut decoder = Decoder::new(Limits::default());
    let mut all: Vec<Decoded<'static>> = Vec::new();
    let mut open: Option<(u8, bool, Vec<u8>)> = None;
    for mut part in stream.chunks(piece) {
        while let Some(decoded) = decoder.next(&mut part)? {
            if let Decoded::Pdv { context, command, last, bytes } = decoded {
                let (_, _, joined) = open.get_or_insert((context, command, Vec::new()));
                joined.extend_from_slice(bytes);
                if last {
                    let (context, command, joined) = open.take().expect("put there just above");
                    all.push(Decoded::Pdv { context, command, last, bytes: joined.leak() });
                }
            } else {
                all.push(owned(decoded));
            }
        }
    }
    Ok(all)
}

fn rich_request() -> AssociateRq {
    let mut rq = AssociateRq::new(
        title("TOMOGRAFO 1"),
        title("NORTE"),
        vec![(uid("1.2.840.10008.1.1"), vec![uid("1.2.840.10008.1.2")])],
    );
    rq.user = UserInformation {
        max_length: 16384,
        implementation_class_uid: Some(Uid::parse_lenient("2.257").expect("a UID")),
        implementation_version_name: Some("TOMO_1".into()),
        async_window: Some(AsyncWindow { invoked: 3, performed: 0 }),
        roles: vec![RoleSelection { sop_class: uid("1.2.3"), scu: false, scp: true }],
        extended: vec![ExtendedNegotiation { sop_class: uid("1.2.3"), information: vec![1, 0, 1] }],
        extended_common: vec![ExtendedNegotiationCommon {
            sop_class: uid("1.2.3"),
            service_class: uid("1.2.4"),
            related_general: vec![uid("1.2.5")],
        }],
        identity: Some(UserIdentity {
            kind: IdentityKind::UsernamePasscode,
            positive_response_requested: true,
            primary: b"ana".to_vec(),
            secondary: b"agua".to_vec(),
        }),
        identity_response: None,
        unknown: vec![UnknownItem { kind: 0x7e, content: vec![0xca, 0xfe] }],
    };
    rq
}

/// A stream with every PDU in it.
fn every_pdu() -> Vec<u8> {
    let mut out = Encoder::new(64);
    out.associate_rq(&rich_request());
    out.associate_ac(&AssociateAc {
        protocol_version: 1,
        called: Some(title("NORTE")),
        calling: Some(title("TOMOGRAFO 1")),
        application_context: uid(APPLICATION_CONTEXT),
        contexts: vec![
            ContextAnswer {
                id: 1,
                result: ContextResult::Acceptance,
                transfer_syntax: Some(uid("1.2.840.10008.1.2")),
            },
            ContextAnswer { id: 3, result: ContextResult::AbstractSyntaxNotSupported, transfer_syntax: None },
        ],
        user: UserInformation {
            max_length: 0,
            identity_response: Some(vec![]),
            ..UserInformation::default()
        },
        unknown: vec![],
    });
    out.associate_rj(AssociateRj::CALLED_AE_NOT_RECOGNIZED);
    out.data(1, true, &[7; 20], true);
    out.data(1, false, &[8; 300], true);
    out.data(3, true, &[], true);
    out.release_rq();
    out.release_rp();
    out.abort(Abort::UNEXPECTED_PDU);
    out.take()
}

#[test]
fn a_request_written_byte_by_byte_is_read_as_its_tables_say() {
    let decoded = decode(&request_by_hand(), usize::MAX).expect("a valid PDU");
    assert_eq!(decoded, [Decoded::AssociateRq(Box::new(rich_request()))]);
}

#[test]
fn a_request_is_written_as_its_tables_say() {
    let mut out = Encoder::new(0);
    out.associate_rq(&rich_request());
    assert_eq!(out.take(), request_by_hand());
}

#[test]
fn small_pdus_have_the_bytes_of_their_tables() {
    let mut out = Encoder::new(16384);
    out.associate_rj(AssociateRj::CALLING_AE_NOT_RECOGNIZED);
    out.release_rq();
    out.release_rp();
    out.abort(Abort::INVALID_PARAMETER);
    out.data(5, true, b"ab", true);
    #[rustfmt::skip]
    let expected = [
        3, 0, 0, 0, 0, 4, 0, 1, 1, 3,
        5, 0, 0, 0, 0, 4, 0, 0, 0, 0,
        6, 0, 0, 0, 0, 4, 0, 0, 0, 0,
        7, 0, 0, 0, 0, 4, 0, 0, 2, 6,
        4, 0, 0, 0, 0, 8, 0, 0, 0, 4, 5, 3, b'a', b'b',
    ];
    assert_eq!(out.take(), expected);
}

#[test]
fn one_p_data_may_hold_several_pdvs() {
    #[rustfmt::skip]
    let stream = [
        4, 0, 0, 0, 0, 15,
        0, 0, 0, 3, 1, 3, b'a',
        0, 0, 0, 4, 1, 2, b'b', b'c',
    ];
    let decoded = decode(&stream, usize::MAX).expect("a valid PDU");
    assert_eq!(
        decoded,
        [
            Decoded::Pdv { context: 1, command: true, last: true, bytes: b"a" },
            Decoded::Pdv { context: 1, command: false, last: true, bytes: b"bc" },
        ]
    );
}

#[test]
fn every_cut_of_the_stream_gives_the_same_pdus() {
    let stream = every_pdu();
    let whole = decode(&stream, usize::MAX).expect("a valid stream");
    assert_eq!(whole.len(), 9);
    for piece in 1..stream.len() {
        assert_eq!(decode(&stream, piece).expect("a valid stream"), whole, "pieces of {piece}");
    }
}

#[test]
fn data_respect_the_peers_length_and_the_last_fragment_is_not_empty() {
    for max in [8u32, 9, 64, 16384] {
        for length in [0usize, 1, 2, 57, 58, 59, 116, 1000, 40_000] {
            let mut out = Encoder::new(max);
            let data: Vec<u8> = (0..length).map(|n| n.to_le_bytes()[0]).collect();
            data.chunks(7).for_each(|part| out.data(9, false, part, false));
            out.data(9, false, &[], true);
            assert_eq!(out.ready(), out.len());
            let stream = out.take();
            let (mut at, mut joined) = (0, Vec::new());
            while at < stream.len() {
                let pdu = u32::from_be_bytes(stream[at + 2..at + 6].try_into().expect("four bytes"));
                assert!(pdu <= max, "{pdu} above {max}");
                let end = at + 6 + pdu as usize;
                let body = &stream[at + 12..end];
                assert_eq!(stream[at + 11] & 2 != 0, end == stream.len(), "only the last is marked so");
                assert!(!body.is_empty() || length == 0);
                joined.extend_from_slice(body);
                at = end;
            }
            assert_eq!(joined, data);
        }
    }
}

#[test]
fn finished_pdus_can_be_taken_while_one_is_open() {
    let mut out = Encoder::new(16);
    out.data(1, false, &[1; 25], false);
    let first = out.take();
    assert_eq!(first.len(), 2 * 22);
    assert_eq!(out.ready(), 0);
    out.data(1, false, &[2; 1], true);
    let second = out.take();
    assert_eq!(second, [4, 0, 0, 0, 0, 12, 0, 0, 0, 8, 1, 2, 1, 1, 1, 1, 1, 2]);
}

#[test]
fn a_pdu_cut_at_any_byte_asks_for_more_and_gives_nothing_by_halves() {
    let stream = request_by_hand();
    for cut in 0..stream.len() {
        assert_eq!(decode(&stream[..cut], usize::MAX), Ok(vec![]), "cut at {cut}");
    }
}

#[test]
fn an_item_that_reaches_past_its_pdu_is_refused_with_its_offset() {
    let full = request_by_hand();
    for cut in 6..full.len() - 1 {
        let mut stream = full[..=cut].to_vec();
        let length = u32::try_from(cut - 5).expect("small");
        stream[2..6].copy_from_slice(&length.to_be_bytes());
        let error = decode(&stream, usize::MAX).expect_err("a request without its user information");
        assert!(error.offset <= stream.len() as u64, "{error} in {} bytes", stream.len());
        assert!(error.offset >= 6, "{error}");
    }
}

#[test]
fn stated_lengths_of_4_gb_are_refused_without_allocation() {
    for kind in 1..=7u8 {
        let mut decoder = Decoder::new(Limits::default());
        let mut input: &[u8] = &[kind, 0, 0xff, 0xff, 0xff, 0xff, 0, 0];
        let error = decoder.next(&mut input).expect_err("4 GB");
        let fits = matches!(error.kind, PduErrorKind::TooLong { .. } | PduErrorKind::WrongLength { .. });
        assert!(fits, "{error}");
        assert_eq!(error.offset, 2);
        assert_eq!(decoder.memory(), 0);
        let mut more: &[u8] = &[5, 0, 0, 0, 0, 4, 0, 0, 0, 0];
        assert_eq!(decoder.next(&mut more), Err(error), "an error is final");
    }
}

#[test]
fn an_associate_pdu_is_held_as_far_as_it_has_come() {
    let mut decoder = Decoder::new(Limits::default());
    let mut input: &[u8] = &[1, 0, 0, 0x0f, 0xff, 0xff, 0, 1, 0, 0];
    assert_eq!(decoder.next(&mut input), Ok(None));
    assert!(decoder.memory() < 64, "{} bytes held for 4", decoder.memory());
}

#[test]
fn a_pdv_that_reaches_past_its_pdu_is_refused() {
    for (stream, kind, offset) in [
        (&[4, 0, 0, 0, 0, 7, 0, 0, 0, 4, 1, 3, 9][..], PduErrorKind::Truncated, 6),
        (&[4, 0, 0, 0, 0, 7, 0, 0, 0, 1, 1, 3, 9][..], PduErrorKind::ShortPdv, 6),
        (&[4, 0, 0, 0, 0, 5, 0, 0, 0, 1, 1][..], PduErrorKind::Truncated, 6),
        (&[4, 0, 0, 0, 0, 0][..], PduErrorKind::Missing("PDV item"), 0),
        (&[9, 0, 0, 0, 0, 4][..], PduErrorKind::UnknownPdu(9), 0),
    ] {
        assert_eq!(decode(stream, usize::MAX), Err(PduError { kind, offset }));
    }
}

#[test]
fn more_than_128_contexts_and_doubled_or_even_ids_are_refused() {
    let many = (0..200).map(|n| (uid(&format!("1.2.{n}")), vec![uid("1.2.840.10008.1.2")])).collect();
    let mut rq = AssociateRq::new(title("A"), title("B"), many);
    assert_eq!(rq.contexts.len(), 128);
    assert_eq!(rq.contexts[127].id, 255);
    let encoded = |rq: &AssociateRq| {
        let mut out = Encoder::new(0);
        out.associate_rq(rq);
        out.take()
    };
    assert!(decode(&encoded(&rq), usize::MAX).is_ok());
    rq.contexts[1].id = 1;
    let error = decode(&encoded(&rq), usize::MAX).expect_err("the id 1 comes twice");
    assert_eq!(error.kind, PduErrorKind::Repeated("presentation context id"));
    rq.contexts[1].id = 2;
    let error = decode(&encoded(&rq), usize::MAX).expect_err("an even id");
    assert_eq!(error.kind, PduErrorKind::Invalid("presentation context id"));
    rq.contexts[1].id = 3;
    rq.contexts.push(rq.contexts[0].clone());
    let error = decode(&encoded(&rq), usize::MAX).expect_err("129 contexts");
    assert_eq!(error.kind, PduErrorKind::TooMany("presentation contexts"));
}

#[test]
fn a_passcode_does_not_show_in_debug_text() {
    let shown = format!("{:?}", rich_request());
    assert!(shown.contains("UsernamePasscode"));
    assert!(!shown.contains("97, 103, 117, 97") && !shown.contains("agua"), "{shown}");
}

#[test]
fn mutated_streams_are_read_or_refused_the_same_way_whatever_the_cut() {
    let clean = every_pdu();
    let mut seed = 0x5eed_1976_u64;
    println!("seed {seed:#x}");
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).expect("below a usize")
    };
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut stream = clean.clone();
        for _ in 0..=random(4) {
            let at = random(stream.len());
            match random(4) {
                0 => stream[at] = [0, 1, 0x7f, 0x80, 0xff][random(5)],
                1 => stream[at] ^= 1 << random(8),
                2 => stream.truncate(at.max(1)),
                _ => stream.insert(at, u8::try_from(random(256)).expect("a byte")),
            }
        }
        let whole = decode(&stream, usize::MAX);
        let pieces = decode(&stream, 1 + random(40));
        assert_eq!(whole, pieces);
        match whole {
            Ok(_) => read += 1,
            Err(error) => {
                assert!(error.offset <= stream.len() as u64);
                refused += 1;
            }
        }
    }
    println!("{read} read, {refused} refused");
    assert!(read > 1000 && refused > 1000, "{read} read, {refused} refused");
}
